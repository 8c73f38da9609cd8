// `sally session <id>`: one session and every statement in it, from its recording.

import { once } from 'node:events';
import type { Command } from 'commander';
import { type SessionDetail, sessionDetail, sessionMeasures } from '../../api/sessions.ts';
import { keptWords } from '../../base/control-words.ts';
import { type Api, path } from '../client.ts';
import { usage } from '../exit-codes.ts';
import { followSession } from '../follow-session.ts';
import { showTable } from '../lists.ts';
import type { Output } from '../output.ts';
import { printable } from '../printable.ts';
import { leaf, type Run, startRun } from '../run.ts';
import { fit, tableLines } from '../table.ts';
import { bytesText, clock, relative } from '../times.ts';

const PAGE_STATEMENTS = 200;
const MOST_STATEMENTS = 100_000;
const SHORTEST_TEXT_COLUMNS = 20;
const HOST = 'ssh';
type Listed = SessionDetail['statementList'][number];

interface Options {
  measures?: true;
  follow?: true;
  /** Its number in the list, from 1; true: the first that has one. */
  cast?: string | true;
}

export function command(): Command {
  return leaf('session <session-id>', 'show one session and its statements', [
    'session ses_01jd2q0v6w8x9y0z1a2b3c4d5e',
    'session ses_01jd2q0v6w8x9y0z1a2b3c4d5e --follow',
    'session ses_01jd2q0v6w8x9y0z1a2b3c4d5e --cast > work.cast && asciinema play work.cast',
    "session ses_01jd2q0v6w8x9y0z1a2b3c4d5e --json | jq '.statementList[].text'",
  ])
    .option('--cast [entry]', 'a terminal of it as an asciicast file on stdout (default: the first)')
    .option('--measures', 'what it did, by verb and object')
    .option('--follow', 'watch it while it runs: a line for each statement')
    .action(async (id: string, options: Options, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      if (options.measures === true) return showMeasures(run, api, id);
      if (options.follow === true) return followSession(run, api, id);
      if (options.cast !== undefined) return showTerminal(api, id, options.cast);
      const whole = await fetchWhole(api, id);
      run.out.data(whole, () => describe(whole, run.out, api.nowMs()));
      if (!whole.recording.intact)
        run.out.say(
          `${['elsewhere', 'removed'].includes(whole.recording.state) ? '' : 'The recording is not intact: '}${printable(whole.recording.problem ?? whole.recording.state)}`,
        );
      if (whole.nextCursor !== null) run.out.say(`Only the first ${MOST_STATEMENTS} statements are shown.`);
    });
}

async function showMeasures(run: Run, api: Api, id: string): Promise<void> {
  const { items } = await api.get(path`/api/sessions/${id}/measures`, sessionMeasures);
  showTable(run, items, {
    none: 'Nothing yet: of a session that runs, measures are written every ten seconds.',
    columns: [
      { title: 'VERB', cell: (one) => one.verb, whole: true },
      { title: 'OBJECT', cell: (one) => one.object },
      { title: 'STATEMENTS', cell: (one) => String(one.statements), whole: true },
      { title: 'ERRORS', cell: (one) => String(one.errors), whole: true },
      { title: 'ROWS', cell: (one) => String(one.rows), whole: true },
      { title: 'READ', cell: (one) => bytesText(one.bytes), whole: true },
      { title: 'TIME', cell: (one) => `${Math.round(one.durationMs)} ms`, whole: true },
    ],
  });
}

/** Errors: usage, `unknown-terminal`. */
async function showTerminal(api: Api, id: string, which: string | true): Promise<void> {
  const whole = await fetchWhole(api, id);
  const terminals = whole.statementList.filter(
    (one) => (one.protocol === 'shell' || one.protocol === 'exec') && one.verdict === 'passed',
  );
  const wanted = which === true ? terminals[0] : terminals.find((one) => String(one.index + 1) === which);
  if (wanted === undefined)
    throw usage(
      which === true ? 'Nothing in this session has a terminal.' : `There is no terminal ${which}.`,
      `There are: ${terminals.map((one) => one.index + 1).join(', ') || 'none'}.`,
    );
  for await (const piece of api.stream(path`/api/sessions/${id}/terminals/${String(wanted.index)}`))
    if (!process.stdout.write(piece)) await once(process.stdout, 'drain');
}

async function fetchWhole(api: Api, id: string): Promise<SessionDetail> {
  const where = path`/api/sessions/${id}`;
  const whole = await api.get(where, sessionDetail, { query: { limit: PAGE_STATEMENTS } });
  while (whole.nextCursor !== null && whole.statementList.length < MOST_STATEMENTS) {
    const query = { limit: PAGE_STATEMENTS, cursor: whole.nextCursor };
    const page = await api.get(where, sessionDetail, { query });
    whole.statementList.push(...page.statementList);
    whole.nextCursor = page.nextCursor;
  }
  return whole;
}

function describe(session: SessionDetail, out: Output, nowMs: number): string[] {
  const state = session.live
    ? 'live'
    : `ended ${relative(session.endedAt, nowMs)}${session.endReason === null ? '' : `: ${session.endReason}`}`;
  const head = [
    `${session.id}: ${printable(session.principal.displayName)}, ${session.task} on ${session.target}, ${printable(state)}`,
    `from ${printable(session.clientAddress)}${session.application === null ? '' : ` with ${printable(session.application)}`}, started ${clock(session.startedAt, nowMs)}`,
    doneText(session),
    ...(session.kept.removedAt === null ? [`recording kept ${keptWords(session.kept)}`] : []),
    ...(session.kept.hold === null
      ? []
      : [`held by ${printable(session.kept.hold.by)}: ${printable(session.kept.hold.reason)}`]),
  ];
  if (session.statementList.length === 0) return head;
  const rows = session.statementList.map((s) => ({
    ...s,
    outcome: outcomeOf(s),
  }));
  const before = 40;
  const textWidth = out.width === null ? null : Math.max(SHORTEST_TEXT_COLUMNS, out.width - before);
  return [
    ...head,
    '',
    ...tableLines(
      [
        { title: 'TIME', cell: (s) => clock(s.at, nowMs), whole: true },
        ...(session.targetKind === HOST
          ? []
          : [{ title: 'ROWS', cell: (s: Listed) => String(s.rows), align: 'right' as const, whole: true }]),
        { title: 'BYTES', cell: (s) => bytesText(s.bytes), align: 'right', whole: true },
        {
          title: 'MS',
          cell: (s) => (s.durationMs === null ? '' : s.durationMs.toFixed(1)),
          align: 'right',
          whole: true,
        },
        { title: '', cell: (s) => s.outcome, whole: true, paint: (_, text) => out.paint('bad', text) },
        {
          title: session.targetKind === HOST ? 'WHAT' : 'STATEMENT',
          cell: (s) => {
            const oneLine = printable(s.text.replace(/\s+/g, ' ').trim());
            return textWidth === null ? oneLine : fit(oneLine, textWidth).trimEnd();
          },
        },
      ],
      rows,
      out.width,
    ),
  ];
}

function doneText(session: SessionDetail): string {
  const trouble = `${session.refused} refused, ${session.errors} errors`;
  if (session.targetKind !== HOST)
    return `${session.statements} statements, ${trouble}, ${session.rowsRead} rows and ${bytesText(session.bytesRead)} read`;
  const { commands, files, connections } = session;
  return `${commands} commands, ${files} files copied, ${connections} forwarded connections, ${trouble}, ${bytesText(session.bytesRead)} from the host and ${bytesText(session.bytesWritten)} to it`;
}

function outcomeOf({ verdict, error, exit }: SessionDetail['statementList'][number]): string {
  if (verdict === 'refused') return 'refused';
  if (error !== null) return error.sqlstate;
  return exit === null || exit === 0 ? '' : `exit ${printable(String(exit))}`;
}
