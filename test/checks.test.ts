// The sources themselves: formatted, linted, typed. As tests, so that one list of results tells everything.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checks, runCheck } from './harness/checks.ts';

for (const check of checks) {
  test(check.name, { skip: check.skip }, async () => {
    const { passed, output } = await runCheck(check);
    assert.ok(passed, `\n${output}\n`);
  });
}
