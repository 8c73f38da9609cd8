// What a recording keeps of the constants in statements, where policy does not want them: a hash, so that the same value
// can still be told, or nothing. It reads PostgreSQL's lexical rules only (strings of every kind, numbers, comments), so
// it also works on texts that no parser takes; what it cannot see the end of is withheld to the end.
// Source: PostgreSQL documentation, "Lexical Structure".

import { createHmac } from 'node:crypto';
import type { Recorded } from '../../sessions/recorder.ts';
import { SettingWatch } from './setting-watch.ts';

export type LiteralMode = 'hash' | 'drop';

const HASH_CHARACTERS = 11;
const DROPPED = '?';
const WITHHELD = 'withheld: policy keeps no values in recordings';
/** Classes whose messages never quote a value: connection, transaction, resources, operator, refusals of ours. */
const HARMLESS_CLASSES: ReadonlySet<string> = new Set(['', '08', '25', '40', '53', '57']);

/** Between a closing quote and an opening one: the string goes on behind a newline, by the rules that it began with. */
const GOES_ON = String.raw`(?:[ \t\f\v]|--[^\r\n]*(?=[\r\n]))*[\r\n](?:[ \t\f\v\r\n]|--[^\r\n]*[\r\n])*`;
const ESCAPED = String.raw`(?:[^'\\]|\\[^]|'')*`;

/**
 * One token at a time: a string (with its prefix, and all that a backslash or a doubled quote keeps in it), a dollar
 * string, a comment, a quoted name, a parameter, a word, a number. Strings and comments without an end reach to the end.
 */
const TOKEN = new RegExp(
  [
    String.raw`(?<escaped>[eE]'${ESCAPED}(?:'${GOES_ON}'${ESCAPED})*(?:'|$|\\$))`,
    "(?<string>(?:[uU]&|[bBxXnN])?'(?:[^']|'')*(?:'|$))",
    String.raw`(?<dollar>\$(?<tag>(?:[A-Za-z_\x80-\uffff][A-Za-z0-9_\x80-\uffff]*)?)\$[^]*?(?:\$\k<tag>\$|$))`,
    String.raw`(?<line>--[^\r\n]*)`,
    String.raw`(?<block>\/\*)`,
    '(?:[uU]&)?"(?:[^"]|"")*(?:"|$)',
    String.raw`\$\d+`,
    String.raw`[A-Za-z_\x80-\uffff][A-Za-z0-9_$\x80-\uffff]*`,
    String.raw`(?<number>(?:\d|\.\d)[\w.]*(?:(?<=[eE])[+-]\d+)?)`,
  ].join('|'),
  'g',
);

export class Literals {
  readonly #mode: LiteralMode;
  readonly #key: Buffer;

  /** `key` of the installation, so that the same value has the same hash in all its recordings and in no other's. */
  constructor(mode: LiteralMode, key: Buffer) {
    this.#mode = mode;
    this.#key = key;
  }

  /** The statement as the recording keeps it. */
  text(statement: string): string {
    let kept = '';
    let at = 0;
    const setting = new SettingWatch();
    TOKEN.lastIndex = 0;
    for (let found = TOKEN.exec(statement); found !== null; found = TOKEN.exec(statement)) {
      const { escaped, string, dollar, line, block, number } = found.groups ?? {};
      const before = statement.slice(at, found.index);
      kept += before;
      at = TOKEN.lastIndex;
      if (line !== undefined) kept += '--';
      else if (block !== undefined) {
        at = endOfComment(statement, at);
        kept += '/* */';
      } else {
        const isValue = setting.isValue(before, found[0]);
        const literal = escaped ?? string ?? dollar ?? number ?? (isValue ? found[0] : undefined);
        kept += literal === undefined ? found[0] : this.#instead(literal);
      }
      TOKEN.lastIndex = at;
    }
    return kept + statement.slice(at);
  }

  /** What the target said of it: messages quote values. */
  error(error: NonNullable<Recorded['error']>): NonNullable<Recorded['error']> {
    const harmless = HARMLESS_CLASSES.has(error.sqlstate.slice(0, 2));
    return harmless ? error : { sqlstate: error.sqlstate, message: WITHHELD };
  }

  #instead(literal: string): string {
    if (this.#mode === 'drop') return DROPPED;
    const hash = createHmac('sha256', this.#key).update(literal).digest('base64url');
    return `'#${hash.slice(0, HASH_CHARACTERS)}'`;
  }
}

/** Comments nest. */
function endOfComment(text: string, from: number): number {
  let depth = 1;
  let at = from;
  while (depth > 0 && at < text.length) {
    if (text.startsWith('*/', at)) {
      depth--;
      at += 2;
    } else if (text.startsWith('/*', at)) {
      depth++;
      at += 2;
    } else at++;
  }
  return at;
}
