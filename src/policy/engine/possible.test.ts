// Who could change policy: never fewer people than really could, whatever address and hour their policies ask for.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePolicies } from './compile.ts';
import { permittedOnPlatform } from './decide.ts';
import { examplePrincipal } from './example-facts.ts';
import type { PrincipalFacts } from './facts.ts';
import { couldOnPlatform } from './possible.ts';

const NOW = Date.parse('2026-11-22T12:00:00Z');
const HEAD = (who: string) => `permit (${who}, action == Action::"changePolicy", resource)`;
const ADMINS = HEAD('principal in Group::"administrators"');

function could(text: string, varied: Partial<PrincipalFacts> = {}, sourceIp = '127.0.0.1'): boolean {
  const facts = {
    principal: examplePrincipal({ groups: ['administrators'], ...varied }),
    context: { sourceIp, nowMs: NOW, mfaAgeSeconds: null },
  };
  const policies = compilePolicies({ 'a.cedar': text });
  const could = couldOnPlatform(policies, 'changePolicy', facts);
  if (permittedOnPlatform(policies, 'changePolicy', facts).allowed) assert.equal(could, true, text);
  return could;
}

test('groups, kinds and attributes count', () => {
  assert.equal(could(`${ADMINS};`), true);
  assert.equal(could(`${ADMINS};`, { groups: ['engineering'] }), false);
  assert.equal(could(`${HEAD('principal')} when { principal in Group::"administrators" };`), true);
  assert.equal(
    could(`${HEAD('principal')} when { principal in Group::"administrators" };`, { groups: [] }),
    false,
  );
  assert.equal(could(`${HEAD('principal is Person')} when { principal.onCall };`), false);
  assert.equal(could(`${HEAD('principal is Person')} when { principal.onCall };`, { onCall: true }), true);
});

test('an address, an hour or a sign-in that is asked for makes nobody less', () => {
  for (const condition of [
    'when { context.sourceIp.isInRange(ip("10.9.0.0/16")) }',
    'when { context.now < datetime("2020-01-01") }',
    'when { context has mfaAge && context.mfaAge < duration("5m") }',
    'unless { context.sourceIp.isLoopback() }',
    'when { principal.id == "x" || context.sourceIp.isInRange(ip("10.9.0.0/16")) }',
  ]) {
    assert.equal(could(`${ADMINS} ${condition};`), true, condition);
    assert.equal(could(`${ADMINS} ${condition};`, { groups: [] }), false, condition);
  }
  const forbid = (condition: string) =>
    `${ADMINS};\nforbid (principal, action == Action::"changePolicy", resource) ${condition};`;
  assert.equal(could(forbid('unless { context.sourceIp.isInRange(ip("10.9.0.0/16")) }')), true);
  assert.equal(could(forbid('when { principal.id == "prn_engineer" }')), false);
  assert.equal(could(forbid('when { principal.id == "somebody" }')), true);
});

test('a permit that has expired counts no more, and a forbid that will expire not yet', () => {
  assert.equal(could(`@expires("2026-01-01T00:00:00Z")\n${ADMINS};`), false);
  assert.equal(could(`@expires("2027-01-01T00:00:00Z")\n${ADMINS};`), true);
  const forbid = 'forbid (principal, action == Action::"changePolicy", resource);';
  assert.equal(could(`${ADMINS};\n${forbid}`), false);
  assert.equal(could(`${ADMINS};\n@expires("2027-01-01T00:00:00Z")\n${forbid}`), true);
});
