// All that this process does by itself to grants, requests and targets: begun together, and stopped together while the
// store is in recovery. Whoever hands it a step keeps one handle through that.

import { createReviewChase } from '../break-glass/chase.ts';
import { createDrillMaster } from '../break-glass/drills.ts';
import { createKitKeeper } from '../break-glass/keep-kits.ts';
import type { Topic } from '../events/events.ts';
import { createBundleWatch } from '../grants/bundle-watch.ts';
import type { GrantsContext } from '../grants/context.ts';
import { createDisabledWatch } from '../grants/end-disabled.ts';
import { createPolicyWatch } from '../grants/end-forbidden.ts';
import { createSessionWatch } from '../grants/end-unconnected.ts';
import { createRequestExpiry } from '../grants/expire-requests.ts';
import { createKillSweep } from '../grants/kill-sweep.ts';
import { createNativeExpiryKeeper } from '../grants/lengthen.ts';
import { createPatrol } from '../grants/orphans.ts';
import { createUsedWatch } from '../grants/session-terms.ts';
import { createSteadyDeadlines } from '../grants/steady-deadlines.ts';
import { createAbsentWorker, createGrantWorker, type GrantWorker } from '../grants/worker.ts';
import { createNoticePruning } from '../notices/notices.ts';
import { createProposalExpiry } from '../proposals/close.ts';
import { createPlanner } from '../proposals/plan.ts';

export interface Work {
  /** Passes on what it is given while there is work, and drops it while there is none. */
  worker: GrantWorker;
  begin(): Promise<void>;
  stop(): Promise<void>;
  /** Something of that kind has changed: whoever looks for it looks now. */
  hear(topic: Topic): void;
}

interface Running {
  worker: GrantWorker;
  /** Who looks at once when something of a topic has changed. */
  hears: Partial<Record<Topic, { kick(): void }>>;
  jobs: { start(): void; stop(): Promise<void> }[];
}

interface WorkInput {
  /** This process has the role of a worker; otherwise steps are told to those that have. */
  here: boolean;
  installationId: string;
  /** What each process does, whatever its roles. */
  always: () => Running['jobs'];
}

export function createWork(ctx: GrantsContext, { here, installationId, always }: WorkInput): Work {
  let running: Running | null = null;
  /** Beginning and stopping take turns. */
  let turn: Promise<void> = Promise.resolve();
  const inTurn = (act: () => Promise<void>) => {
    turn = turn.then(act, act);
    return turn;
  };
  const worker: GrantWorker = {
    start: () => undefined,
    kick: (grantId) => running?.worker.kick(grantId),
    take: async (row) => running?.worker.take(row) ?? null,
    stop: async () => undefined,
  };
  return {
    worker,
    begin: () =>
      inTurn(async () => {
        if (running !== null) return;
        running = here
          ? workHere(ctx, installationId)
          : { worker: createAbsentWorker(ctx), hears: {}, jobs: [] };
        running.jobs.push(...always());
        for (const job of running.jobs) job.start();
      }),
    stop: () =>
      inTurn(async () => {
        const { jobs } = running ?? { jobs: [] };
        running = null;
        await Promise.all(jobs.map((job) => job.stop()));
      }),
    hear: (topic) => running?.hears[topic]?.kick(),
  };
}

function workHere(ctx: GrantsContext, installationId: string): Running {
  const worker = createGrantWorker(ctx);
  const planner = createPlanner(ctx);
  const kits = createKitKeeper(ctx, installationId);
  const killSweep = createKillSweep(ctx);
  const usedWatch = createUsedWatch(ctx);
  const nativeExpiry = createNativeExpiryKeeper(ctx);
  const background = [
    killSweep,
    usedWatch,
    createBundleWatch(ctx),
    nativeExpiry,
    createReviewChase(ctx),
    createDrillMaster(ctx),
    kits,
    createNoticePruning(ctx),
    createSteadyDeadlines(ctx),
    createRequestExpiry(ctx),
    createDisabledWatch(ctx),
    createPolicyWatch(ctx),
    createSessionWatch(ctx),
    createProposalExpiry(ctx),
    planner,
  ];
  const hears = {
    policies: planner,
    grants: worker,
    'break-glass': kits,
    kills: killSweep,
    sessions: usedWatch,
  };
  return { worker, hears, jobs: [worker, createPatrol(ctx), ...background] };
}
