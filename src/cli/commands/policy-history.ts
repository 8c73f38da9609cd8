// `sally policy changes`, `history` and `rollback`: what is proposed, what was in force and who signed it, and the way
// back, which is a proposal like any other.

import type { Command } from 'commander';
import {
  changeAnswer,
  type Proposal,
  type PublishedSet,
  proposal,
  proposalState,
  publishedSet,
} from '../../api/policy-changes.ts';
import { proposalDetail } from '../../api/policy-plan.ts';
import { path } from '../client.ts';
import { usage } from '../exit-codes.ts';
import { addLimit, limitFrom, oneOf, showTable } from '../lists.ts';
import { planLines } from '../plan-lines.ts';
import { policySet } from '../policy-folder.ts';
import { changeLines, proposalLines } from '../proposal-lines.ts';
import { leaf, startRun } from '../run.ts';
import { textChanges } from '../text-changes.ts';
import { relative } from '../times.ts';

const SHORT_DIGEST = 12;
const FULL_DIGEST = 64;
const MOST_SEARCHED_SETS = 10_000;

export function changesCommand(): Command {
  const list = leaf('changes [proposal-id]', 'list changes of policy, or show one with its texts', [
    'policy changes --state open',
    'policy changes prp_01jd2q0v6w8x9y0z1a2b3c4d5e',
  ]).option('--state <state>', `only ${proposalState.options.join(', ')}`);
  return addLimit(list).action(
    async (id: string | undefined, options: { state?: string; limit: string }, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      if (id !== undefined) {
        const one = await api.get(path`/api/policy/proposals/${id}`, proposalDetail);
        run.out.data(one, () => [
          ...proposalLines(one, run.out, api.nowMs()),
          ...textChanges(one.files, run.out),
          ...(one.plan === null ? ['The plan is being made.'] : planLines(one.plan, run.out, api.nowMs())),
        ]);
        return;
      }
      const state = oneOf('--state', options.state, proposalState.options);
      const rows = await api.list('/api/policy/proposals', proposal, { state }, limitFrom(options.limit));
      const now = api.nowMs();
      showTable<Proposal>(run, rows, {
        none: 'No changes of policy.',
        columns: [
          { title: 'ID', cell: (p) => p.id, whole: true },
          { title: 'STATE', cell: (p) => p.state, whole: true },
          { title: 'BY', cell: (p) => p.proposedBy.name },
          { title: 'WHEN', cell: (p) => relative(p.proposedAt, now), whole: true },
          { title: 'FILES', cell: (p) => String(p.changes.length), align: 'right', whole: true },
          { title: 'COMMENT', cell: (p) => p.comment },
        ],
      });
    },
  );
}

export function historyCommand(): Command {
  return addLimit(
    leaf('history', 'the policies that were in force, and who signed them', [
      'policy history',
      'policy history --json',
    ]),
  ).action(async (options: { limit: string }, self: Command) => {
    const run = startRun(self);
    const api = await run.api();
    const rows = await api.list('/api/policy/history', publishedSet, {}, limitFrom(options.limit));
    const now = api.nowMs();
    showTable<PublishedSet>(run, rows, {
      none: 'Nothing was ever in force.',
      columns: [
        { title: 'DIGEST', cell: (s) => s.digest.slice(0, SHORT_DIGEST), whole: true },
        { title: 'SINCE', cell: (s) => relative(s.publishedAt, now), whole: true },
        { title: '', cell: (s) => (s.inForce ? 'in force' : ''), whole: true },
        { title: 'SIGNED BY', cell: signersOf },
        { title: 'COMMENT', cell: (s) => s.comment ?? '' },
      ],
    });
  });
}

function signersOf(set: PublishedSet): string {
  if (set.signatures.length === 0) return 'sallyport';
  const names = set.signatures.map((one) => one.by.name).join(', ');
  return set.signatures.some((one) => one.sole) ? `${names} (ALONE)` : names;
}

export function rollbackCommand(): Command {
  return leaf('rollback <digest>', 'propose a set that was in force before', [
    'policy rollback 5f3a9c01d2e4 --comment "the change of Monday locked out the night shift"',
  ])
    .option('--comment <text>', 'why (default: which set it goes back to)')
    .option('--let-run-out', 'live grants that are no longer permitted run out (default: they end)')
    .action(async (digest: string, options: { comment?: string; letRunOut?: boolean }, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      const { digest: baseDigest } = await api.get('/api/policy', policySet);
      const sets = await api.list('/api/policy/history', publishedSet, {}, MOST_SEARCHED_SETS);
      const found = new Set(sets.map((set) => set.digest).filter((one) => one.startsWith(digest)));
      const [rollbackTo] = found;
      if (rollbackTo === undefined || found.size > 1 || digest.length > FULL_DIGEST) {
        throw usage(
          found.size > 1 ? `"${digest}" begins several digests.` : `No set with the digest "${digest}".`,
          '`sally policy history` lists those that were in force.',
        );
      }
      const told = await api.post('/api/policy/proposals', changeAnswer, {
        body: {
          rollbackTo,
          baseDigest,
          comment: options.comment ?? `Back to ${rollbackTo.slice(0, SHORT_DIGEST)}`,
          liveGrants: options.letRunOut === true ? 'run-out' : 'end',
        },
      });
      run.out.data(told, () => changeLines(told, run.out));
    });
}
