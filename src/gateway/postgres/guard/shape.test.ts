// The shape must never make two statements one whose verdicts differ. The properties below compare the guard that
// has seen other statements of a shape (so answers from its cache) with a fresh look at the text itself.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import fc from 'fast-check';
import { analyse } from './analyse.ts';
import { createGuard, type Guard } from './guard.ts';
import { createParser, type Parser } from './parser.ts';
import { shapeOf } from './shape.ts';
import { termsOf } from './terms.ts';

const lifting = (...allow: string[]) => termsOf({ allow, lists: null, requireWhere: false }, 'any');
const NONE = lifting();

describe('shapeOf', () => {
  test('plain literals leave the text', () => {
    const shape = shapeOf("SELECT a FROM t WHERE id = 1 AND n = 'x' AND p > 1.5 AND q = $1");
    assert.equal(shape, shapeOf("SELECT a FROM t WHERE id = 77 AND n = 'it''s' AND p > 20.25 AND q = $1"));
    assert.notEqual(shape, null);
  });

  test('what is not a plain literal stays', () => {
    const base = shapeOf('select a1 from t where id = 1');
    for (const other of [
      'select a2 from t where id = 1',
      'select "a1" from t where id = 1',
      'select a1 from t where id = 1.0',
      'select a1 from t where id = 9999999999',
      "select a1 from t where id = '1'",
      'select a1 from t where id = $1',
    ]) {
      assert.notEqual(shapeOf(other), base, other);
    }
  });

  test('what it does not read is null', () => {
    for (const text of [
      "select E'a'",
      "select U&'a'",
      "select B'1', X'1', N'a'",
      'select U&"a"',
      "select 'a\\'",
      "select 'open",
      'select "open',
      'select $$a$$',
      'select $a$b$a$',
      'select 1 -- c',
      'select /* c */ 1',
      'select 1e5',
      'select 0x1f',
      'select 1_000',
      'select 1a',
      'select 1$1',
      'select 1.',
      'select 1.2.3',
      'select 1..2',
      'select $1a',
      'select é',
      'select\u00a01',
      'select \x01',
      "select '\x01'",
      "select e'\\''",
    ]) {
      assert.equal(shapeOf(text), null, text);
    }
  });
});

const name = fc.constantFrom(
  'orders',
  'Orders',
  '"Orders"',
  '"a""b"',
  'set_config',
  'role',
  'x$1',
  'pg_settings',
  'e',
  'n',
  'u',
);
const literal = fc.oneof(
  fc.nat().map(String),
  fc.bigInt({ min: 0n, max: 10n ** 14n }).map(String),
  fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `${a}.${b}`),
  fc.string({ maxLength: 12 }).map((text) => `'${text.replaceAll("'", "''")}'`),
  fc.constantFrom(
    "'role'",
    "'search_path'",
    "''",
    "'a''b'",
    "'select 1; set role x'",
    '$1',
    'null',
    "E'\\''",
    '$$x$$',
    "'a\\'",
    "'x' -- '",
  ),
);
const glue = fc.constantFrom(' ', '\n', '  ', '\t');
const expression = fc.oneof(
  literal,
  name,
  fc.tuple(name, literal).map(([f, a]) => `${f}(${a})`),
  fc.tuple(literal, literal, literal).map(([a, b, c]) => `set_config(${a}, ${b}, ${c})`),
  fc
    .tuple(literal, fc.constantFrom('+', '-', '||', '=', '<>', '::text ||', '@>', '- -'), literal)
    .map(([a, o, b]) => `${a} ${o} ${b}`),
);
const statement = fc.oneof(
  fc.tuple(expression, name, expression).map(([e, t, w]) => `select ${e} from ${t} where ${w}`),
  fc.tuple(name, expression).map(([t, e]) => `insert into ${t} values (${e})`),
  fc
    .tuple(name, name, expression, expression)
    .map(([t, c, e, w]) => `update ${t} set ${c} = ${e} where ${w}`),
  fc.tuple(name, literal).map(([s, v]) => `set ${s} to ${v}`),
  fc.tuple(literal).map(([v]) => `fetch ${v} from c`),
  fc.tuple(name, expression).map(([t, e]) => `with d as (delete from ${t} returning *) select ${e} from d`),
  fc.tuple(expression, expression).map(([a, b]) => `select ${a}; select ${b}`),
  fc.tuple(literal).map(([v]) => `alter role current_user password ${v}`),
);

/** Other literals of the same kinds in the same places: nearly always the same shape. */
function otherLiterals(text: string, seed: number): string {
  return text
    .replaceAll(/(?<![\w.$])(\d{1,9})(?![\w.$])/g, String(seed % 1_000_000))
    .replaceAll(/'[^'\\]*'/g, seed % 2 === 0 ? "'role'" : "'other'");
}

describe('verdicts by shape', () => {
  let guard: Guard;
  let parser: Parser;
  before(async () => {
    guard = await createGuard();
    parser = createParser();
    await parser.ready;
  });

  function fresh(text: string): { passes: boolean; parses: boolean; uses: string } {
    const parsed = parser.parse(text);
    if (!parsed.ok) return { passes: false, parses: false, uses: '' };
    const found = analyse(parsed.statements);
    return { passes: found.needs.length === 0, parses: true, uses: JSON.stringify(found.uses) };
  }

  test('equal the verdict on the text itself, whatever was asked before', () => {
    fc.assert(
      fc.property(statement, glue, fc.nat(), (text, space, seed) => {
        const spaced = text.replaceAll(' ', space);
        const sibling = otherLiterals(spaced, seed);
        guard(sibling, NONE);
        for (const asked of [spaced, sibling]) {
          const truth = fresh(asked);
          const verdict = guard(asked, NONE);
          // A text that does not parse is the server's to refuse as well; every other answer must be exact.
          if (truth.parses) {
            assert.equal(verdict.refusal === null, truth.passes, asked);
            assert.equal(
              JSON.stringify(verdict.uses),
              truth.passes ? truth.uses : JSON.stringify(verdict.uses),
              asked,
            );
          }
        }
      }),
      { numRuns: 3_000 },
    );
  });

  test('two texts of one shape differ in nothing but constants', () => {
    fc.assert(
      fc.property(statement, fc.nat(), (text, seed) => {
        const sibling = otherLiterals(text, seed);
        const shape = shapeOf(text);
        if (shape === null || shape !== shapeOf(sibling)) return;
        const [a, b] = [parser.parse(text), parser.parse(sibling)];
        if (a.ok && b.ok)
          assert.equal(
            withoutConstants(a.statements),
            withoutConstants(b.statements),
            `${text} | ${sibling}`,
          );
      }),
      { numRuns: 3_000 },
    );
  });
});

function withoutConstants(tree: unknown): string {
  return JSON.stringify(tree, (key, value: unknown) => {
    // Where something stands, and FETCH's count, which is a constant written as a number and left out when 0.
    if (PLACES.has(key) || key === 'howMany') return undefined;
    return key === 'ival' || key === 'sval' || key === 'fval' ? 'constant' : value;
  });
}

const PLACES: ReadonlySet<string> = new Set(
  'location stmt_len stmt_location rexpr_list_start rexpr_list_end list_start list_end'.split(' '),
);
