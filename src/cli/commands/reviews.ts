// `sally reviews`: reviews of break-glass, and the verdict on one.

import type { Command } from 'commander';
import { type Review, review as reviewSchema, verdict as verdictSchema } from '../../api/break-glass.ts';
import { path } from '../client.ts';
import { usage } from '../exit-codes.ts';
import { addLimit, limitFrom, oneOf, showTable } from '../lists.ts';
import { neededReason } from '../needed.ts';
import { printable } from '../printable.ts';
import { group, leaf, startRun } from '../run.ts';
import { clock, relative } from '../times.ts';

const STATES = ['open', 'overdue', 'decided'] as const;

export function command(): Command {
  return group('reviews', 'list and decide reviews of break-glass', [
    listCommand(),
    showCommand(),
    decideCommand(),
  ]);
}

function listCommand(): Command {
  const list = leaf('list', 'reviews, newest first', [
    'reviews list --state open',
    'reviews list --state overdue --json',
  ]);
  return addLimit(list.option('--state <state>', `only ${STATES.join(', ')}`)).action(
    async (options: { state?: string; limit: string }, self: Command) => {
      const run = startRun(self);
      const state = oneOf('--state', options.state, STATES);
      const api = await run.api();
      const rows = await api.list('/api/reviews', reviewSchema, { state }, limitFrom(options.limit));
      const now = api.nowMs();
      showTable(run, rows, {
        none: 'No reviews.',
        columns: [
          { title: 'ID', cell: (r) => r.id, whole: true },
          {
            title: 'STATE',
            cell: stateOf,
            whole: true,
            paint: (r, text) => run.out.paint(r.overdue ? 'bad' : r.verdict === null ? 'warn' : 'dim', text),
          },
          { title: 'WHO', cell: (r) => r.usedBy.map((one) => one.name).join(', ') },
          { title: 'WHAT', cell: whatOf },
          { title: 'OPENED', cell: (r) => relative(r.openedAt, now), whole: true },
          { title: 'DUE', cell: (r) => clock(r.dueAt, now), whole: true },
          { title: 'YOURS', cell: (r) => (r.mayDecide ? 'you may decide' : ''), whole: true },
          { title: 'REASON', cell: (r) => r.reason },
        ],
      });
    },
  );
}

const stateOf = (r: Review) => (r.verdict !== null ? r.verdict : r.overdue ? 'OVERDUE' : 'open');
const whatOf = (r: Review) =>
  `${r.drill ? 'drill: ' : ''}${r.source === 'kit' ? 'kit, ' : ''}${r.task} on ${r.target ?? r.segment}`;

function showCommand(): Command {
  return leaf('show <review-id>', 'one review, with what was done', [
    'reviews show rvw_01jd2q0v6w8x9y0z1a2b3c4d5e',
  ]).action(async (id: string, _options: object, self: Command) => {
    const run = startRun(self);
    const api = await run.api();
    const found = await api.get(path`/api/reviews/${id}`, reviewSchema);
    run.out.data(found, () => reviewLines(found, api.nowMs()).map(printable));
  });
}

function reviewLines(r: Review, nowMs: number): string[] {
  return [
    `${whatOf(r)}: ${stateOf(r)}`,
    `  used by  ${r.usedBy.map((one) => `${one.displayName} (${one.name})`).join(', ')}, ${relative(r.openedAt, nowMs)}`,
    `  reason   ${r.reason}`,
    `  due      ${clock(r.dueAt, nowMs)}${r.chases > 0 ? `, reminded ${r.chases} times` : ''}`,
    `  told     ${r.told.map((one) => one.name).join(', ') || 'nobody'}`,
    ...r.sessions.map((s) => `  session  ${s.id}, ${s.statements} statements: sally session ${s.id}`),
    ...r.openings.map(
      (o) =>
        `  opening  ${o.at} ${o.target}: ${o.act}, by ${o.holders}, from ${o.clientAddress ?? 'the server itself'}`,
    ),
    ...(r.verdict === null
      ? []
      : [`  verdict  ${r.verdict}, by ${r.decidedBy?.name ?? '?'}: ${r.comment ?? ''}`]),
    ...(r.mayDecide
      ? [`Decide: sally reviews decide ${r.id} --verdict justified --comment "…"`]
      : r.mayNot === null
        ? []
        : [`You cannot decide it: ${r.mayNot}`]),
  ];
}

function decideCommand(): Command {
  return leaf('decide <review-id>', 'give the verdict, once', [
    'reviews decide rvw_01jd2q0v6w8x9y0z1a2b3c4d5e --verdict justified --comment "read the statements; INC-1042 agrees"',
  ])
    .option('--verdict <verdict>', verdictSchema.options.join(', '))
    .option('--comment <text>', 'why; its user and the log see it')
    .action(async (id: string, options: { verdict?: string; comment?: string }, self: Command) => {
      const run = startRun(self);
      const verdict = oneOf('--verdict', options.verdict, verdictSchema.options);
      if (verdict === undefined)
        throw usage('--verdict is missing.', `Add --verdict ${verdictSchema.options.join(' | ')}.`);
      const comment = await neededReason(run, options.comment, 'Why? (its user and the audit log see this)');
      const api = await run.api();
      const decided = await api.post(path`/api/reviews/${id}/verdict`, reviewSchema, {
        body: { verdict, comment },
      });
      run.out.data(decided, () => [`Review ${decided.id} is decided: ${decided.verdict}.`]);
    });
}
