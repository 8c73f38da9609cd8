// A very large set of policies through the API: taken, planned aside and signed while others are answered; one policy more
// than the most, and one file larger than the largest, are errors that name the limit.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeAnswer } from '../../src/api/policy-changes.ts';
import { figure } from '../harness/figure.ts';
import { policiesInForce, startSallyport } from '../harness/sallyport.ts';

const MOST_POLICIES = 50_000;
const POLICIES = MOST_POLICIES;
const IN_A_FILE = 6_000;
/** Of a call that needs nothing of the set; generous, since two cores may be busy. */
const ANSWER_LIMIT_MS = 5_000;

const policy = (n: number) => `permit(principal==Person::"a${n}",action==Action::"connect",resource);`;

/** Files of that many policies. */
function filesOf(count: number): Record<string, string> {
  const files: Record<string, string> = {};
  for (let from = 0; from < count; from += IN_A_FILE) {
    const some = Array.from({ length: Math.min(IN_A_FILE, count - from) }, (_, i) => policy(from + i));
    files[`many-${from}.cedar`] = some.join('\n');
  }
  return files;
}

test(`${POLICIES} policies come into force, and nobody waits for them`, async (t) => {
  await using sallyport = await startSallyport();
  const own = await policiesInForce(sallyport);
  const propose = (files: object) =>
    sallyport.call('admin', 'POST', '/api/policy/proposals', {
      files: { ...own, ...files },
      comment: 'many',
    });

  const large = await propose({ 'large.cedar': `// ${'x'.repeat(3 * 1024 * 1024)}` });
  assert.deepEqual([large.status, /500000/.test(JSON.stringify(large.body))], [422, true], 'names the limit');
  const beyond = await propose({ 'large.cedar': `// ${'x'.repeat(5 * 1024 * 1024)}` });
  assert.deepEqual([beyond.status, /4096 KiB|4 MiB/.test(JSON.stringify(beyond.body))], [413, true]);
  const oneMore = await propose(filesOf(MOST_POLICIES + 1));
  assert.equal(oneMore.status, 422);
  assert.match(JSON.stringify(oneMore.body), /more than the 50000 policies/);

  let working = true;
  let slowestMs = 0;
  const others = (async () => {
    while (working) {
      const askedAt = performance.now();
      assert.equal((await sallyport.call('engineer', 'GET', '/api/me')).status, 200);
      slowestMs = Math.max(slowestMs, performance.now() - askedAt);
    }
  })();
  const { proposal } = changeAnswer.parse((await propose(filesOf(POLICIES - 100))).body);
  const path = `/api/policy/proposals/${proposal.id}/sign`;
  const signed = await sallyport.call('approver', 'POST', path, { digest: proposal.digest });
  assert.equal(signed.status, 200, JSON.stringify(signed.body));
  working = false;
  await others;
  figure(t, 'policy-large', `slowest answer meanwhile: ${Math.round(slowestMs)} ms`);
  assert.ok(slowestMs < ANSWER_LIMIT_MS, `an answer took ${Math.round(slowestMs)} ms`);
});
