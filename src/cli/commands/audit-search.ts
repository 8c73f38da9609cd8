// `sally audit search`: entries by person, target, request, grant, session, kind, time or any part of their text.

import type { Command } from 'commander';
import { auditEntry } from '../../api/audit.ts';
import { parseDuration } from '../../base/duration.ts';
import { usage } from '../exit-codes.ts';
import { addLimit, limitFrom, showTable } from '../lists.ts';
import { leaf, startRun } from '../run.ts';
import { clock } from '../times.ts';

interface Options {
  kind?: string;
  actor?: string;
  request?: string;
  grant?: string;
  session?: string;
  target?: string;
  from?: string;
  to?: string;
  limit: string;
}

export function searchCommand(): Command {
  const search = leaf('search [text]', 'find entries, newest first', [
    'audit search --target orders-db --from 7d',
    'audit search --grant grt_01jd2q0v6w8x9y0z1a2b3c4d5e',
    'audit search "order 1042" --json',
  ])
    .option('--kind <kind>', 'only this kind of event')
    .option('--actor <name>', 'only what this principal did')
    .option('--request <id>', 'only of this request')
    .option('--grant <id>', 'only of this grant')
    .option('--session <id>', 'only of this session')
    .option('--target <name>', 'only on this target')
    .option('--from <time>', 'since: 2026-11-02T08:00:00Z, or 7d ago as 7d')
    .option('--to <time>', 'until, written the same way');
  return addLimit(search).action(async (text: string | undefined, options: Options, self: Command) => {
    const run = startRun(self);
    const { kind, actor, request, grant, session, target } = options;
    const api = await run.api();
    const now = api.nowMs();
    const query = {
      text,
      kind,
      actor,
      request,
      grant,
      session,
      target,
      from: timeFrom('--from', options.from, now),
      to: timeFrom('--to', options.to, now),
    };
    const rows = await api.list('/api/audit/entries', auditEntry, query, limitFrom(options.limit));
    showTable(run, rows, {
      none: 'No entry fits.',
      columns: [
        {
          title: 'INDEX',
          cell: (e) => (e.index === null ? '…' : String(e.index)),
          align: 'right',
          whole: true,
        },
        { title: 'TIME', cell: (e) => clock(e.leaf.at, now), whole: true },
        { title: 'WHO', cell: (e) => e.leaf.actor.name },
        { title: 'KIND', cell: (e) => e.leaf.kind, whole: true },
        { title: 'WHAT', cell: (e) => e.sentence },
      ],
    });
  });
}

/** A moment as it is, or a duration back from now. */
function timeFrom(flag: string, text: string | undefined, nowMs: number): string | undefined {
  if (text === undefined) return undefined;
  if (/^\d+[smhd]$/.test(text)) return new Date(nowMs - parseDuration(text, flag) * 1000).toISOString();
  const at = Date.parse(text);
  if (Number.isNaN(at))
    throw usage(`${flag} is no time.`, 'Write 2026-11-02T08:00:00Z, or how long ago: 30m, 7d.');
  return new Date(at).toISOString();
}
