// One look at a statement's text: parse it and say what it needs and uses. Used where statements are read at once
// (guard.ts) and in the thread that reads large ones (worker.ts), so its result can be copied between threads.

import { type ColumnUse, columnUse } from '../mask/column-use.ts';
import { type Analysis, analyse } from './analyse.ts';
import type { Parser } from './parser.ts';

export interface Fault {
  sqlstate: string;
  text: string;
  position?: number;
}

export type Examined = { ok: true; analysis: Analysis; columns: ColumnUse } | { ok: false; fault: Fault };

/** The parser could not answer; the next try may work, so this is not kept. */
export const UNAVAILABLE = '57P03';
const SQLSTATE = { syntax: '42601', 'too-complex': '54001', unavailable: UNAVAILABLE } as const;

export function examine(parser: Parser, text: string): Examined {
  const parsed = text === '' ? { ok: true as const, statements: [] } : parser.parse(text);
  if (parsed.ok)
    return { ok: true, analysis: analyse(parsed.statements), columns: columnUse(parsed.statements) };
  const fault: Fault = { sqlstate: SQLSTATE[parsed.fault], text: parsed.message };
  if (parsed.position > 0) fault.position = parsed.position;
  return { ok: false, fault };
}
