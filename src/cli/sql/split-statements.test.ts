// Where statements end, against what PostgreSQL's own lexer says.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasWords, splitStatements } from './split-statements.ts';

for (const [text, statements, rest, inside] of [
  ['select 1; select 2;', ['select 1', 'select 2'], '', ''],
  ['select 1', [], 'select 1', ''],
  ["select ';'; x", ["select ';'"], 'x', ''],
  ["select 'it''s;';", ["select 'it''s;'"], '', ''],
  ["select E'a\\';b';", ["select E'a\\';b'"], '', ''],
  ["select 'a\\';b';", ["select 'a\\'"], "b';", "'"],
  ['select "a;b";', ['select "a;b"'], '', ''],
  ['do $$ begin; end; $$;', ['do $$ begin; end; $$'], '', ''],
  ['select $a$ $$;$$ $a$; y', ['select $a$ $$;$$ $a$'], 'y', ''],
  ['select $1; select a$b;', ['select $1', 'select a$b'], '', ''],
  ['select /* ; /* ; */ ; */ 1;', ['select /* ; /* ; */ ; */ 1'], '', ''],
  ['select 1 -- not; yet\n;', ['select 1 -- not; yet'], '', ''],
  [
    'create rule r as on insert to t do (delete from a; delete from b);',
    ['create rule r as on insert to t do (delete from a; delete from b)'],
    '',
    '',
  ],
  ["select 'open", [], "select 'open", "'"],
  ['select $tag$ open', [], 'select $tag$ open', '$'],
  ['select /* open', [], 'select /* open', '*'],
  ['select (1', [], 'select (1', '('],
  ['-- only a comment\n', [], '', ''],
  [';;  ;', [], '', ''],
] as const) {
  test(JSON.stringify(text), () => {
    const split = splitStatements(text);
    assert.deepEqual(split.statements, statements);
    assert.equal(split.rest.trim(), rest);
    assert.equal(split.inside, inside);
  });
}

test('comments and space are no words', () => {
  assert.equal(hasWords(' -- x\n /* y */ '), false);
  assert.equal(hasWords(' /* y */ z'), true);
});
