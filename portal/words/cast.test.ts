// What the page takes from a cast: short pauses, plain text, the commands.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { castText, findLines, readCast } from './cast.ts';

const line = (...event: unknown[]) => JSON.stringify(event);

test('pauses are shortened, escape sequences are out of what is read, marks are found', () => {
  const cast = readCast(
    [
      JSON.stringify({ version: 2, width: 80, height: 24 }),
      line(0, 'o', '$ '),
      line(100, 'm', '$ ls'),
      line(100, 'o', 'ls\r\n\u001b[31mred\u001b[0m \u001b]0;title\u0007fi'),
      line(100.5, 'o', 'le\r\n<b>not html</b>'),
      'not a line of it',
    ].join('\n'),
  );
  assert.ok(cast !== null);
  assert.deepEqual(cast.marks, [{ at: 1.5, text: '$ ls' }]);
  assert.deepEqual(
    cast.lines.map(({ text }) => text),
    ['$ ls', 'red file', '<b>not html</b>'],
  );
  assert.equal(cast.length, 2);
  assert.deepEqual(findLines(cast, 'RED f', 10), [{ at: 2, text: 'red file' }]);
  assert.deepEqual(findLines(cast, '  ', 10), []);
  assert.equal(castText(cast).split('\n').length, 5);
  assert.equal(readCast('nothing'), null);
});
