// The built-in prompt, for machines without psql: statements end with a semicolon, may span lines, and may come
// from a pipe. It has psql's few most used backslash commands and no more.

import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import pg from 'pg';
import { Failure } from '../../base/errors.ts';
import type { Dsn } from '../dsn.ts';
import type { Environment } from '../environment.ts';
import { EXIT, interrupted } from '../exit-codes.ts';
import { printable, printableJson } from '../printable.ts';
import { readIfThere, writePrivateFile } from '../private-file.ts';
import type { Run } from '../run.ts';
import { splitStatements } from './split-statements.ts';
import { openSqlSession, type SqlSession } from './sql-session.ts';

const MOST_HISTORY_LINES = 500;
const LARGEST_BUFFER_CHARACTERS = 1024 * 1024;

const HELP = `\\q        quit (also Ctrl-D)
\\d        tables and views that you may read
\\d NAME   columns of one
\\?        this help
Statements end with a semicolon. Ctrl-C stops the one that runs, or clears what is typed.`;

/**
 * Runs until \q or the end of stdin; the exit code. From a pipe it stops at the first error (1). `isOver` tells
 * whether a connection that is lost now was lost to the deadline (6).
 */
export async function sqlPrompt(run: Run, dsn: Dsn, isOver: () => boolean): Promise<number> {
  const session = await openSqlSession(run, dsn);
  try {
    const finished =
      process.stdin.isTTY === true ? await converse(run, session, dsn) : await readPipe(run, session);
    const why = session.lost();
    if (why === null) return finished ? EXIT.done : EXIT.failed;
    const code = isOver() ? EXIT.expired : EXIT.failed;
    const told = { code: 'session-ended', detail: `The session was ended: ${why}`, exitCode: code };
    process.stderr.write(`${run.out.json ? printableJson(told) : printable(told.detail)}\n`);
    return code;
  } finally {
    await session.close();
  }
}

/** Statements from a pipe, as they become complete; true when all of them went through. */
async function readPipe(run: Run, session: SqlSession): Promise<boolean> {
  const stop = () => session.cancel();
  run.interrupt.addEventListener('abort', stop, { once: true });
  let buffer = '';
  try {
    const lines = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
    session.onLost(() => lines.close());
    for await (const line of lines) {
      if (run.interrupt.aborted) throw interrupted('Interrupted.');
      if (buffer === '' && line.startsWith('\\')) {
        if (line.trim() === '\\q') return true;
        if (!(await backslash(run, session, line.trim()))) return false;
        continue;
      }
      const { statements, rest } = splitStatements(`${buffer}${line}\n`);
      buffer = bounded(rest);
      for (const statement of statements) if (!(await session.run(statement))) return stopped(run);
    }
    if (session.lost() !== null) return false;
    return buffer.trim() === '' || (await session.run(buffer.trim())) || stopped(run);
  } finally {
    run.interrupt.removeEventListener('abort', stop);
  }
}

function stopped(run: Run): boolean {
  if (run.interrupt.aborted) throw interrupted('Interrupted.');
  return false;
}

async function converse(run: Run, session: SqlSession, dsn: Dsn): Promise<boolean> {
  const terminal = createInterface({
    input: process.stdin,
    output: process.stderr,
    terminal: true,
    history: readHistory(run.environment),
    historySize: MOST_HISTORY_LINES,
    removeHistoryDuplicates: true,
  });
  let history: string[] = [];
  terminal.on('history', (lines: string[]) => {
    history = lines;
  });
  session.onLost(() => {
    // What follows starts on a line of its own, below the prompt.
    process.stderr.write('\n');
    terminal.close();
  });
  run.out.say('\\? shows help; \\q quits.');
  try {
    await readTerminal(run, session, terminal, dsn.database);
  } finally {
    terminal.close();
    if (history.length > 0) writePrivateFile(historyPath(run.environment), `${history.join('\n')}\n`);
  }
  return true;
}

async function readTerminal(
  run: Run,
  session: SqlSession,
  terminal: Interface,
  database: string,
): Promise<void> {
  let buffer = '';
  let running = false;
  const prompt = (inside: string) => {
    const mark = buffer === '' ? '=' : inside === '' ? '-' : inside;
    terminal.setPrompt(`${printable(database)}${mark}> `);
    terminal.prompt();
  };
  terminal.on('SIGINT', () => {
    if (running) return session.cancel();
    buffer = '';
    process.stderr.write('\n');
    prompt('');
  });
  const act = async (line: string): Promise<boolean> => {
    if (buffer === '' && line.trim().startsWith('\\')) {
      if (line.trim() === '\\q') return false;
      await backslash(run, session, line.trim());
      prompt('');
      return true;
    }
    const { statements, rest, inside } = splitStatements(`${buffer}${line}\n`);
    buffer = bounded(rest);
    for (const statement of statements) await session.run(statement);
    if (session.lost() === null) prompt(inside);
    return session.lost() === null;
  };
  prompt('');
  for await (const line of terminal) {
    running = true;
    const goOn = await act(line);
    running = false;
    if (!goOn) return;
  }
}

/** False when there is no such command. */
async function backslash(run: Run, session: SqlSession, line: string): Promise<boolean> {
  const [name = '', argument] = line.split(/\s+/, 2);
  if (name === '\\?') run.out.say(HELP);
  else if (name === '\\d')
    return session.run(argument === undefined || argument === '' ? TABLES : columnsOf(argument));
  else {
    run.out.say(`There is no ${printable(name)} here; \\? shows what there is.`);
    return false;
  }
  return true;
}

const TABLES = `select n.nspname as schema, c.relname as name,
  case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table' end as type
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname not in ('pg_catalog', 'information_schema')
    and n.nspname !~ '^pg_' and pg_catalog.has_any_column_privilege(c.oid, 'select')
  order by 1, 2`;

function columnsOf(name: string): string {
  return `select a.attname as column, pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
  case when a.attnotnull then 'not null' else '' end as nullable
  from pg_catalog.pg_attribute a
  where a.attrelid = pg_catalog.to_regclass(${pg.escapeLiteral(name.replace(/;$/, ''))}) and a.attnum > 0 and not a.attisdropped
  order by a.attnum`;
}

function bounded(buffer: string): string {
  if (buffer.length <= LARGEST_BUFFER_CHARACTERS) return buffer;
  throw new Failure(
    'too-large',
    'statement-too-large',
    `A statement is longer than ${LARGEST_BUFFER_CHARACTERS} characters.`,
    {
      hint: 'Is a closing quote or a semicolon missing?',
    },
  );
}

function historyPath(environment: Environment): string {
  return join(environment.stateFolder, 'sql-history');
}

function readHistory(environment: Environment): string[] {
  return (readIfThere(historyPath(environment)) ?? '')
    .split('\n')
    .filter((line) => line !== '')
    .slice(0, MOST_HISTORY_LINES);
}
