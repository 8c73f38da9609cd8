// `sally session <id> --follow`: a line for each statement of a running session as it ends, from whichever replica holds
// it, until the session is over or Ctrl-C.

import { type SessionLive, type Statement, sessionLive } from '../api/sessions.ts';
import { Failure } from '../base/errors.ts';
import { sleep } from '../base/timer.ts';
import { type Api, path } from './client.ts';
import { printable, printableJson } from './printable.ts';
import type { Run } from './run.ts';
import { bytesText, clock } from './times.ts';

const WAIT_S = 20;
const AGAIN_MS = 2_000;

/** With --json one object a line. */
export async function followSession(run: Run, api: Api, id: string): Promise<void> {
  const told = new Set<string>();
  let shown = -1;
  let version = 0;
  while (!run.interrupt.aborted) {
    const seen = await look(run, api, id, version);
    if (seen === null) {
      await sleep(AGAIN_MS, run.interrupt);
      continue;
    }
    version = seen.version;
    shown = tellStatements(run, seen, shown, api.nowMs());
    for (const { at, text } of seen.told) {
      if (!told.has(at + text))
        run.out.say(`${clock(at, api.nowMs())} its client was told: ${printable(text)}`);
      told.add(at + text);
    }
    if (!seen.session.live) {
      run.out.say(`The session is over: ${printable(seen.session.endReason ?? 'it ended')}.`);
      return;
    }
  }
}

/** Those that have ended, in their order, up to the first that still runs; gives the last one's index. */
function tellStatements(run: Run, seen: SessionLive, shown: number, nowMs: number): number {
  let last = shown;
  for (const statement of seen.statements) {
    if (statement.index <= last) continue;
    if (statement.durationMs === null && seen.session.live) break;
    const missed = statement.index - last - 1;
    if (missed > 0)
      run.out.say(`${missed} statements before this one are not shown; they are in the recording.`);
    last = statement.index;
    run.out.line(
      run.out.json
        ? printableJson(statement, 0)
        : lineOf(statement, nowMs, seen.session.targetKind === 'ssh'),
    );
  }
  return last;
}

function lineOf(statement: Statement, nowMs: number, onHost: boolean): string {
  const did = onHost ? onHostText(statement) : `${statement.rows} rows, ${bytesText(statement.bytes)}`;
  const outcome =
    statement.verdict === 'refused'
      ? 'refused'
      : statement.error === null
        ? did
        : `error ${printable(statement.error.sqlstate)}`;
  const took = statement.durationMs === null ? 'unanswered' : `${statement.durationMs.toFixed(1)} ms`;
  return `${clock(statement.at, nowMs)}  ${outcome}, ${took}  ${printable(statement.text.replace(/\s+/g, ' ').trim())}`;
}

function onHostText({ bytes, exit, sha256 }: Statement): string {
  const ended = exit === null || exit === 0 ? '' : `, exit ${printable(String(exit))}`;
  return `${bytesText(bytes)}${ended}${sha256 === null ? '' : `, SHA-256 ${sha256}`}`;
}

/** Null while the server is away: what is followed goes on there. */
async function look(run: Run, api: Api, id: string, after: number): Promise<SessionLive | null> {
  try {
    const query = { after, wait: after === 0 ? 2 : WAIT_S };
    return await api.get(path`/api/sessions/${id}/live`, sessionLive, { query });
  } catch (error) {
    if (run.interrupt.aborted || (error instanceof Failure && error.code === 'server-unreachable'))
      return null;
    throw error;
  }
}
