// Where one SQL statement ends: at a semicolon that stands in no string, quoted name, dollar quote, comment or
// parenthesis, as psql has it. Text that is not finished stays in the buffer.

export interface Split {
  /** Complete statements, without their semicolons. */
  statements: string[];
  /** What follows the last semicolon. */
  rest: string;
  /** What the rest is inside of, for the prompt: `'`, `"`, `$`, `*` (comment), `(`, or `` for none. */
  inside: string;
}

/** Splits standard-conforming PostgreSQL text (backslashes escape only in E'' strings). */
export function splitStatements(text: string): Split {
  const statements: string[] = [];
  let start = 0;
  let depth = 0;
  let at = 0;
  let inside = '';
  while (at < text.length) {
    const character = text.charAt(at);
    const end = endOfQuoted(text, at);
    if (end !== null) {
      if (end.at < 0) {
        inside = end.mark;
        break;
      }
      at = end.at;
      continue;
    }
    if (character === '(') depth += 1;
    else if (character === ')') depth = Math.max(0, depth - 1);
    else if (character === ';' && depth === 0) {
      const statement = text.slice(start, at).trim();
      if (hasWords(statement)) statements.push(statement);
      start = at + 1;
    }
    at += 1;
  }
  const rest = text.slice(start);
  return {
    statements,
    rest: hasWords(rest) || inside !== '' ? rest.trimStart() : '',
    inside: inside === '' && depth > 0 ? '(' : inside,
  };
}

/** True when the text has anything but space and comments. */
export function hasWords(text: string): boolean {
  let at = 0;
  while (at < text.length) {
    if (/\s/.test(text.charAt(at))) {
      at += 1;
      continue;
    }
    const comment = endOfComment(text, at);
    if (comment === null) return true;
    if (comment.at < 0) return false;
    at = comment.at;
  }
  return false;
}

/** null: nothing quoted begins here. `at` < 0: it begins and does not end. */
function endOfQuoted(text: string, at: number): { at: number; mark: string } | null {
  const character = text.charAt(at);
  if (character === "'") {
    const escapes = /[eE]/.test(text.charAt(at - 1)) && !/[A-Za-z0-9_$]/.test(text.charAt(at - 2));
    return { at: endOfString(text, at, "'", escapes), mark: "'" };
  }
  if (character === '"') return { at: endOfString(text, at, '"', false), mark: '"' };
  if (character === '$') {
    if (/[A-Za-z0-9_\u0080-\uffff]/.test(text.charAt(at - 1))) return null;
    const tag = /^\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/.exec(
      text.slice(at, at + 70),
    )?.[0];
    if (tag === undefined) return null;
    const close = text.indexOf(tag, at + tag.length);
    return { at: close < 0 ? -1 : close + tag.length, mark: '$' };
  }
  return endOfComment(text, at);
}

function endOfString(text: string, from: number, quote: string, escapes: boolean): number {
  for (let at = from + 1; at < text.length; at++) {
    const character = text.charAt(at);
    if (escapes && character === '\\') at += 1;
    else if (character === quote) {
      if (text.charAt(at + 1) !== quote) return at + 1;
      at += 1;
    }
  }
  return -1;
}

/** Block comments nest in PostgreSQL. A line comment that is not ended ends with the text. */
function endOfComment(text: string, from: number): { at: number; mark: string } | null {
  if (text.startsWith('--', from)) {
    const end = text.indexOf('\n', from);
    return { at: end < 0 ? text.length : end + 1, mark: '' };
  }
  if (!text.startsWith('/*', from)) return null;
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    if (text.startsWith('/*', at)) {
      depth += 1;
      at += 1;
    } else if (text.startsWith('*/', at)) {
      depth -= 1;
      at += 1;
      if (depth === 0) return { at: at + 1, mark: '*' };
    }
  }
  return { at: -1, mark: '*' };
}
