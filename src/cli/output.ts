// Where words go: data to stdout, everything else to stderr, so that a pipe gets data only. With --json stdout
// holds one JSON value (or nothing, when the command failed) and an error is a JSON object on stderr.

import { styleText } from 'node:util';
import type { Failure } from '../base/errors.ts';
import type { Environment } from './environment.ts';
import { exitCodeOf } from './exit-codes.ts';
import { printable, printableJson, printableOutput } from './printable.ts';

export type Paint = 'good' | 'warn' | 'bad' | 'dim' | 'strong';
const STYLES = { good: 'green', warn: 'yellow', bad: 'red', dim: 'dim', strong: 'bold' } as const;
const NARROWEST_COLUMNS = 40;

export interface Output {
  readonly json: boolean;
  /** Columns of the terminal behind stdout; null when stdout is no terminal and nothing says how wide. */
  readonly width: number | null;
  /** With --json: `value` as JSON. Otherwise: what `people` prints. */
  data(value: unknown, people: () => string | string[]): void;
  /** One line of data on stdout, whatever the mode. */
  line(text: string): void;
  /** A line for people on stderr; silent with --json. */
  say(text: string): void;
  /** A line that replaces itself while one waits; plain lines, and only when changed, without a terminal. */
  live(text: string): void;
  /** Ends the live line. */
  settle(): void;
  paint(style: Paint, text: string): string;
}

export function createOutput(options: { json: boolean; environment: Environment }): Output {
  const { json, environment } = options;
  const { stdout, stderr } = process;
  const colored = environment.mayColor && !json;
  let liveLine = '';
  const clearLive = () => {
    if (liveLine !== '' && stderr.isTTY === true) stderr.write('\r\u001b[2K');
    liveLine = '';
  };
  const safe = (text: string) => printableOutput(text, colored);
  const line = (text: string) => {
    clearLive();
    stdout.write(`${safe(text)}\n`);
  };
  return {
    json,
    width: stdout.isTTY === true ? Math.max(stdout.columns ?? 80, NARROWEST_COLUMNS) : environment.columns,
    data(value, people) {
      if (json) return line(printableJson(value));
      const text = people();
      line(typeof text === 'string' ? text : text.join('\n'));
    },
    line,
    say(text) {
      if (json) return;
      clearLive();
      stderr.write(`${safe(text)}\n`);
    },
    live(given) {
      const text = safe(given);
      if (json || text === liveLine) return;
      if (stderr.isTTY === true) {
        const width = Math.max((stderr.columns ?? 80) - 1, NARROWEST_COLUMNS);
        stderr.write(`\r\u001b[2K${text.length > width ? `${text.slice(0, width - 1)}…` : text}`);
      } else {
        stderr.write(`${text}\n`);
      }
      liveLine = text;
    },
    settle: clearLive,
    paint: (style, text) =>
      colored && stdout.isTTY === true ? styleText(STYLES[style], text, { validateStream: false }) : text,
  };
}

/** The failure on stderr: one clear line and what to do next, or one JSON object. */
export function reportFailure(failure: Failure, options: { json: boolean; color: boolean }): void {
  if (options.json) {
    const { code, message, field, hint, facts } = failure;
    process.stderr.write(
      `${printableJson({ code, detail: message, field, hint, facts, exitCode: exitCodeOf(failure) })}\n`,
    );
    return;
  }
  const mark =
    options.color && process.stderr.isTTY === true
      ? styleText('red', 'sally:', { validateStream: false })
      : 'sally:';
  const where =
    failure.field === undefined || failure.message.includes(failure.field) ? '' : ` (${failure.field})`;
  process.stderr.write(`${mark} ${printable(failure.message)}${printable(where)}\n`);
  if (failure.hint !== undefined) process.stderr.write(`       ${printable(failure.hint)}\n`);
}
