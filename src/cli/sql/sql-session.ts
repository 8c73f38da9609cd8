// One connection of the built-in prompt: runs a statement and shows what comes back, row by row.

import { connect } from 'node:net';
import pg from 'pg';
import { codeOf, Failure, messageOf } from '../../base/errors.ts';
import type { Dsn } from '../dsn.ts';
import { printable, printableJson, printableLines } from '../printable.ts';
import type { Run } from '../run.ts';
import { type ResultField, ResultTable } from './result-table.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const CANCEL_TIMEOUT_MS = 2000;
const CANCEL_REQUEST = 80_877_102;
const MOST_JSON_ROWS = 100_000;
/** int2, int4, int8, float4, float8, numeric, oid, money. */
const NUMERIC_TYPES = new Set([20, 21, 23, 26, 700, 701, 790, 1700]);

type Cell = string | null;

export interface SqlSession {
  /** True when it went through. An error of the statement is shown, not thrown. */
  run(statement: string): Promise<boolean>;
  /** Asks the target to stop what is running. */
  cancel(): void;
  /** Why the connection is gone, or null while it stands. */
  lost(): string | null;
  /** Called once when that happens: nobody may go on typing into a prompt that is dead. */
  onLost(act: () => void): void;
  close(): Promise<void>;
}

/** Errors: `cannot-connect`, with the server's own words. */
export async function openSqlSession(run: Run, dsn: Dsn): Promise<SqlSession> {
  const client = new pg.Client({
    host: dsn.host,
    port: dsn.port,
    user: dsn.user,
    database: dsn.database,
    password: dsn.password.reveal(),
    ssl: tlsOf(dsn.sslMode),
    application_name: 'sally',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  let lost: string | null = null;
  let closing = false;
  const toTell: (() => void)[] = [];
  const lose = (why: string) => {
    if (closing || lost !== null) return;
    lost = why;
    for (const act of toTell) act();
  };
  client.on('error', (error) => lose(messageOf(error)));
  client.on('end', () => lose('the connection was closed'));
  client.on('notice', (notice) =>
    run.out.say(`${notice.severity ?? 'NOTICE'}: ${printableLines(notice.message ?? '')}`),
  );
  try {
    await client.connect();
  } catch (cause) {
    throw new Failure(
      'unavailable',
      'cannot-connect',
      `The gateway refused the session: ${messageOf(cause)}`,
      { cause },
    );
  }
  return {
    run: (statement) =>
      /\bcopy\b[^;]*\b(stdin|stdout)\b/i.test(statement)
        ? refuseCopy()
        : execute(run, client, statement, lose),
    cancel: () => sendCancel(client, dsn),
    lost: () => lost,
    onLost: (act) => void toTell.push(act),
    async close() {
      closing = true;
      await client.end().catch(() => undefined);
    },
  };
}

async function refuseCopy(): Promise<boolean> {
  process.stderr.write('COPY to or from the terminal needs psql (--client psql).\n');
  return false;
}

function execute(run: Run, client: pg.Client, text: string, lose: (why: string) => void): Promise<boolean> {
  // Every value stays the text that the server sent: a prompt must not reformat dates and numbers.
  const config: pg.QueryArrayConfig = {
    text,
    rowMode: 'array',
    types: { getTypeParser: () => (value: string) => value },
  };
  const query = new pg.Query(config);
  const shower = run.out.json ? new JsonRows(run) : new TableRows(run);
  return new Promise((resolve) => {
    query.on('row', (row: unknown, result) => shower.row(fieldsOf(result?.fields), cellsOf(row)));
    query.on('end', (result) => {
      shower.end(fieldsOf(result.fields), { command: result.command, rowCount: result.rowCount });
      resolve(true);
    });
    query.on('error', (error) => {
      shower.fail();
      // The connection's own end comes a moment later; a FATAL says it already.
      if (fieldOf(error, 'severity') === 'FATAL') lose(messageOf(error));
      else showError(run, error);
      resolve(false);
    });
    client.query(query);
  });
}

class TableRows {
  readonly #run: Run;
  #table: ResultTable | null = null;
  #rows = 0;

  constructor(run: Run) {
    this.#run = run;
  }

  row(fields: ResultField[], cells: Cell[]): void {
    this.#table ??= this.#begin(fields);
    this.#table.row(cells);
    this.#rows += 1;
  }

  end(fields: ResultField[], told: { command: string | null; rowCount: number | null }): void {
    if (fields.length === 0) {
      this.#run.out.say(`${told.command ?? ''} ${told.rowCount ?? ''}`.trim());
      return;
    }
    this.#table ??= this.#begin(fields);
    this.#table.end();
    this.#run.out.say(this.#rows === 1 ? '(1 row)' : `(${this.#rows} rows)`);
  }

  fail(): void {
    this.#table?.end();
  }

  #begin(fields: ResultField[]): ResultTable {
    return new ResultTable(fields, (line) => this.#run.out.line(line), process.stdout.isTTY === true);
  }
}

class JsonRows {
  readonly #run: Run;
  readonly #rows: Cell[][] = [];

  constructor(run: Run) {
    this.#run = run;
  }

  row(_fields: ResultField[], cells: Cell[]): void {
    if (this.#rows.length < MOST_JSON_ROWS) this.#rows.push(cells);
  }

  end(fields: ResultField[], told: { command: string | null; rowCount: number | null }): void {
    const cut = told.rowCount !== null && fields.length > 0 && told.rowCount > this.#rows.length;
    const columns = fields.map((field) => field.name);
    this.#run.out.line(
      printableJson({ ...told, columns, rows: this.#rows, ...(cut ? { cut: true } : {}) }, 0),
    );
  }

  fail(): void {
    this.#rows.length = 0;
  }
}

function showError(run: Run, error: unknown): void {
  const sqlstate = codeOf(error) ?? '';
  if (run.out.json) {
    process.stderr.write(
      `${printableJson({ code: 'statement-failed', detail: messageOf(error), facts: { sqlstate } }, 0)}\n`,
    );
    return;
  }
  run.out.say(
    `${fieldOf(error, 'severity') ?? 'ERROR'}: ${printable(messageOf(error))} (${printable(sqlstate)})`,
  );
  const detail = fieldOf(error, 'detail');
  if (detail !== null) run.out.say(`DETAIL: ${printableLines(detail)}`);
  const hint = fieldOf(error, 'hint');
  if (hint !== null) run.out.say(`HINT: ${printableLines(hint)}`);
}

/** One text field of a server's error, or null. */
function fieldOf(error: unknown, name: 'detail' | 'hint' | 'severity'): string | null {
  const value: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined;
  return typeof value === 'string' ? value : null;
}

function fieldsOf(fields: pg.FieldDef[] | undefined): ResultField[] {
  return (fields ?? []).map((field) => ({ name: field.name, numeric: NUMERIC_TYPES.has(field.dataTypeID) }));
}

function cellsOf(row: unknown): Cell[] {
  return Array.isArray(row) ? row.map((value: unknown) => (typeof value === 'string' ? value : null)) : [];
}

/** Certificates are checked only where the address asks for it, as libpq does. */
function tlsOf(sslMode: string | null): false | { rejectUnauthorized: boolean } {
  if (sslMode === 'require') return { rejectUnauthorized: false };
  return sslMode === 'verify-ca' || sslMode === 'verify-full' ? { rejectUnauthorized: true } : false;
}

/** PostgreSQL's CancelRequest, on a connection of its own; nothing is answered to it. */
function sendCancel(client: pg.Client, dsn: Dsn): void {
  const processId: unknown = Reflect.get(client, 'processID');
  const secretKey: unknown = Reflect.get(client, 'secretKey');
  if (typeof processId !== 'number' || typeof secretKey !== 'number') return;
  const message = Buffer.alloc(16);
  message.writeInt32BE(16, 0);
  message.writeInt32BE(CANCEL_REQUEST, 4);
  message.writeInt32BE(processId, 8);
  message.writeInt32BE(secretKey, 12);
  const socket = connect(dsn.port, dsn.host, () => socket.end(message));
  socket.setTimeout(CANCEL_TIMEOUT_MS, () => socket.destroy());
  // The running statement goes on when this fails, and Ctrl-C can be pressed again.
  socket.on('error', () => undefined);
}
