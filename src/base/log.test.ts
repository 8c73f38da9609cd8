// What somebody puts into a name or an error does not steer the terminal of whoever reads the program's own log.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { HOSTILE, STEERING } from '../../test/harness/hostile-sample.ts';

test('a line is one line, without anything that steers a terminal, and holds what was said', () => {
  const script = `import { createLog } from ${JSON.stringify(new URL('./log.ts', import.meta.url).href)};
    const said = ${JSON.stringify(HOSTILE)};
    createLog('info').warn({ name: said, [said]: 1, err: new Error(said) }, said);`;
  const ran = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  assert.equal(ran.status, 0, ran.stderr);
  assert.doesNotMatch(ran.stderr, STEERING);
  const lines = ran.stderr.trimEnd().split('\n');
  assert.equal(lines.length, 1, 'no line is forged');
  const line = JSON.parse(lines[0] ?? '');
  assert.deepEqual([line.msg, line.name, line[HOSTILE], line.err.message], [HOSTILE, HOSTILE, 1, HOSTILE]);
});
