// Extensions: the whole length never crosses the merged maximum, whoever extends how often and by how much; and what
// speaks of `extend` only ever adds.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatDuration } from '../../base/duration.ts';
import { compilePolicies } from './compile.ts';
import { decide } from './decide.ts';
import { exampleFacts } from './example-facts.ts';
import { decideExtension } from './extension.ts';

const permit = (action: string, notes = '') =>
  `${notes} permit (principal, action in [${action}], resource);`;
const REQUEST = 'Action::"request"';
const AUTO = 'Action::"autoApprove"';
const EXTEND = 'Action::"extend"';
const most = (seconds: number) => `@maxDuration("${formatDuration(seconds)}")`;
const ofLength = (durationSeconds: number) => exampleFacts({ context: { durationSeconds } });

test('the time in all never crosses the merged maximum, at and around every boundary', () => {
  const seconds = fc.integer({ min: 1, max: 14_400 });
  // Additions of any size, and those that end exactly at, one short of and one past a maximum.
  const step = fc.oneof(
    fc.record({ by: fc.integer({ min: 1, max: 7_200 }) }),
    fc.record({ to: fc.integer({ min: 0, max: 2 }), off: fc.integer({ min: -1, max: 1 }) }),
  );
  fc.assert(
    fc.property(fc.tuple(seconds, seconds, seconds), fc.array(step, { maxLength: 12 }), (maxima, steps) => {
      const [request, auto, extend] = maxima;
      const policies = compilePolicies({
        'p.cedar':
          permit(`${REQUEST}, ${AUTO}`, most(request)) +
          permit(AUTO, most(auto)) +
          permit(EXTEND, most(extend)),
      });
      const boundary = Math.min(request, auto, extend);
      let whole = Math.min(boundary, 60);
      assert.equal(decide(policies, ofLength(whole)).outcome, 'allow');
      for (const one of steps) {
        const added = 'by' in one ? one.by : (maxima[one.to] ?? 0) + one.off - whole;
        if (added <= 0) continue;
        const { decided } = decideExtension(policies, ofLength(whole + added));
        assert.equal(decided.outcome, whole + added <= boundary ? 'allow' : 'deny');
        if (decided.outcome === 'allow') whole += added;
        assert.ok(whole <= boundary, `${whole} of ${boundary}`);
      }
    }),
    { numRuns: 60 },
  );
});

test('a permit of extend may add approvals, and nothing that speaks of it may take any away', () => {
  const plain = permit(`${REQUEST}, ${AUTO}`, most(7_200));
  const asks = plain + permit(EXTEND, '@approvals("1 of Group::\\"leads\\"")');
  const byItself = decideExtension(compilePolicies({ 'p.cedar': plain }), ofLength(3_600)).decided;
  assert.equal(byItself.outcome, 'allow');
  const { decided, asRequest } = decideExtension(compilePolicies({ 'p.cedar': asks }), ofLength(3_600));
  assert.deepEqual([decided.outcome, asRequest.outcome], ['needs-approval', 'allow']);
  assert.deepEqual(decided.obligations.approvals, [{ count: 1, from: 'Group::"leads"' }]);
  assert.equal(decided.obligations.maxDurationSeconds, 7_200);

  const approved = `${permit(REQUEST, '@approvals("1 of Group::\\"dba\\"")')} ${permit(EXTEND)}`;
  const still = decideExtension(compilePolicies({ 'p.cedar': approved }), ofLength(60)).decided;
  assert.deepEqual(still.obligations.approvals, [{ count: 1, from: 'Group::"dba"' }]);
  assert.equal(still.outcome, 'needs-approval');
});

test('a forbid of extend bars it; where nothing speaks of it, the request alone decides', () => {
  const barred = `${permit(`${REQUEST}, ${AUTO}`)} @id("no-more") forbid (principal, action == ${EXTEND}, resource);`;
  const { decided } = decideExtension(compilePolicies({ 'p.cedar': barred }), ofLength(60));
  assert.deepEqual([decided.outcome, decided.determining], ['deny', ['p/no-more']]);
  const nothing = decideExtension(compilePolicies({ 'p.cedar': '' }), ofLength(60)).decided;
  assert.equal(nothing.outcome, 'deny');
});
