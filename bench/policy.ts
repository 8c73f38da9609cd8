// The policy bench: whole decisions (`decide`, with the explanation of every no) over sets of three sizes, in turns;
// the engine against Cedar's own answer on the unsharded text; a history of stored decisions (policy-history.ts) made
// again on two threads, from a cold start; memory over a thousand reloads, and how long a reload keeps decisions waiting.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { type CompiledPolicies, compilePolicies } from '../src/policy/engine/compile.ts';
import { compileAside } from '../src/policy/engine/compile-aside.ts';
import { decide, decideOutcome } from '../src/policy/engine/decide.ts';
import type { DecisionFacts } from '../src/policy/engine/facts.ts';
import { Memory, remembering } from '../src/policy/engine/memory.ts';
import { SLOTS, slotKeyOf } from '../src/policy/engine/slots.ts';
import type { DecisionRow } from '../src/policy/replay.ts';
import { makeHistory } from './policy-history.ts';
import type { PolicyAnswer, PolicyJob } from './policy-thread.ts';
import { makePolicyWorld, type PolicyWorld } from './policy-world.ts';
import { type Bench, type BenchOptions, median, type Row, rounded } from './rounds.ts';

const SIZES = [10, 1_000, 10_000] as const;
const GOALS: Readonly<Record<number, { p50: number; p99: number }>> = { 10000: { p50: 0.35, p99: 1 } };
const LARGE = 10_000;
const ROUNDS = 5;
const THREADS = 2;
const RELOADS = 1_000;
const RELOADED_POLICIES = 20;
const RELOADS_BEFORE = 100;
/** What a question of such a set comes to; all slots are filled with as many before the first look. */
const POLICIES_OF_A_SLOT = 3;

interface Plan {
  warmUp: number;
  /** In each round, of each size. */
  decisions: number;
  questions: number;
  /** Decisions of the history that is replayed. */
  stored: number;
  /** All different, and each asked of Cedar. */
  distinct: number;
}

const FULL: Plan = {
  warmUp: 20_000,
  decisions: 8_000,
  questions: 100_000,
  stored: 100_000,
  distinct: 25_000,
};
const QUICK: Plan = { warmUp: 8_000, decisions: 2_000, questions: 6_000, stored: 20_000, distinct: 4_000 };

export const policyBench: Bench = {
  measures: 'decisions by 10, 1,000 and 10,000 policies; sharded against unsharded; replay; reloads',
  run: benchPolicy,
};

async function benchPolicy({ quick, say }: BenchOptions): Promise<Row[]> {
  const plan = quick ? QUICK : FULL;
  const memory = memoryOverReloads(say);
  const sets: Measured[] = [];
  for (const size of SIZES) {
    const world = makePolicyWorld(size);
    const startedAt = performance.now();
    const policies = await compileAside(world.files);
    say(`${size} policies compiled in ${((performance.now() - startedAt) / 1000).toFixed(1)} s.`);
    sets.push({ size, world, policies, cpuUs: [] });
  }
  const large = sets.find(({ size }) => size === LARGE);
  if (large === undefined) throw new Error('The largest set is missing.');
  const first = percentiles(timed(large, 2_000));
  const rows = decisionRows(sets, plan, say);
  const pause = await pauseOfReload(large);
  say(
    `While ${LARGE} policies were compiled anew, decisions waited ${pause.longestMs.toFixed(0)} ms at most.`,
  );
  const differing = await disagreements(plan.questions);
  say(`${plan.questions} random questions: ${differing} answered unlike Cedar.`);
  const history = makeHistory(large.world.segments);
  const replay = await replaysPerSecond(large, plan.stored, () => history.next(), true);
  const distinct = await replaysPerSecond(large, plan.distinct, () => large.world.question(), false);
  say(
    `${plan.stored} decisions of a history replayed in ${replay.seconds.toFixed(1)} s, ${replay.cpuUs.toFixed(0)} us of the processor each; all distinct ${distinct.cpuUs.toFixed(0)} us.`,
  );
  return [
    ...rows,
    { name: 'sharded disagreements', value: differing, unit: 'count', goal: 0, better: 'lower' },
    { name: 'replay per s', value: rounded(replay.perSecond), unit: '1/s', goal: 8_000, better: 'higher' },
    {
      name: 'replay per s, all distinct',
      value: rounded(distinct.perSecond),
      unit: '1/s',
      goal: null,
      better: 'higher',
    },
    {
      name: 'memory growth MB over 1000 reloads',
      value: rounded(memory),
      unit: 'MB',
      goal: 5,
      better: 'lower',
    },
    reported(`cpu us at ${LARGE}`, median(large.cpuUs), 'us'),
    reported('replay cpu us each', replay.cpuUs, 'us'),
    reported('replay cpu us each, all distinct', distinct.cpuUs, 'us'),
    reported(`first decisions p50 ms at ${LARGE}`, first.p50, 'ms'),
    reported(`compile s at ${LARGE}`, pause.compileMs / 1000, 's'),
    reported(`pause ms while ${LARGE} compile`, pause.longestMs, 'ms'),
  ];
}

interface Measured {
  size: number;
  world: PolicyWorld;
  policies: CompiledPolicies;
  /** Of the processor for one decision, in each round: what others do on the machine hardly shows in it. */
  cpuUs: number[];
}

function reported(name: string, value: number, unit: string): Row {
  return { name, value: rounded(value), unit, goal: null, better: 'lower' };
}

/** Milliseconds of each of `count` decisions. */
function timed(set: Measured, count: number): number[] {
  const { world, policies } = set;
  const questions = Array.from({ length: count }, () => world.question());
  const before = process.threadCpuUsage();
  const times = questions.map((question) => {
    const startedAt = performance.now();
    decide(policies, question);
    return performance.now() - startedAt;
  });
  const { user, system } = process.threadCpuUsage(before);
  set.cpuUs.push((user + system) / count);
  return times;
}

function percentiles(timesMs: readonly number[]): { p50: number; p99: number } {
  const sorted = [...timesMs].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

function decisionRows(sets: readonly Measured[], plan: Plan, say: BenchOptions['say']): Row[] {
  for (const set of sets) {
    timed(set, plan.warmUp);
    set.cpuUs.length = 0;
  }
  const found = new Map(sets.map(({ size }) => [size, { p50: [] as number[], p99: [] as number[] }]));
  for (let round = 0; round < ROUNDS; round++) {
    for (let turn = 0; turn < sets.length; turn++) {
      const set = sets[(round + turn) % sets.length];
      if (set === undefined) continue;
      const { p50, p99 } = percentiles(timed(set, plan.decisions));
      found.get(set.size)?.p50.push(p50);
      found.get(set.size)?.p99.push(p99);
      say(`  ${String(set.size).padStart(6)} policies  p50 ${p50.toFixed(3)} ms  p99 ${p99.toFixed(3)} ms`);
    }
  }
  return [...found].flatMap(([size, of]) =>
    (['p50', 'p99'] as const).map((name): Row => {
      const goal = GOALS[size]?.[name] ?? null;
      return {
        name: `${name} ms at ${size}`,
        value: rounded(median(of[name])),
        unit: 'ms',
        goal,
        better: 'lower',
      };
    }),
  );
}

/** Decides all the while; the longest wait between two answers is what a reload costs whoever asks. */
async function pauseOfReload({
  world,
  policies,
}: Measured): Promise<{ compileMs: number; longestMs: number }> {
  const startedAt = performance.now();
  let isDone = false;
  const compiling = compileAside(world.files).finally(() => {
    isDone = true;
  });
  let longestMs = 0;
  let lastAt = performance.now();
  while (!isDone) {
    decide(policies, world.question());
    await new Promise((resolve) => setImmediate(resolve));
    const now = performance.now();
    longestMs = Math.max(longestMs, now - lastAt);
    lastAt = now;
  }
  await compiling;
  return { compileMs: performance.now() - startedAt, longestMs };
}

async function disagreements(questions: number): Promise<number> {
  const each = Math.ceil(questions / THREADS);
  const threads = Array.from({ length: THREADS }, (_, seed) =>
    openThread({ job: 'compare', seed: seed + 1, questions: each }),
  );
  const answers = await Promise.all(threads.map((thread) => thread.run()));
  return answers.reduce((sum, { count }) => sum + count, 0);
}

interface Replays {
  perSecond: number;
  seconds: number;
  /** Of both threads together, for one decision. */
  cpuUs: number;
}

/** By the very function that replays the store's rows, each parsed from JSON as they come from it. */
async function replaysPerSecond(
  { policies }: Measured,
  count: number,
  next: () => DecisionFacts,
  keeps: boolean,
): Promise<Replays> {
  const kept = remembering(policies, new Memory());
  const rows = Array.from({ length: count }, () => JSON.stringify(storedDecision(kept, next())));
  const threads = Array.from({ length: THREADS }, (_, at) =>
    openThread({
      job: 'replay',
      policies,
      rows: rows.filter((_row, index) => index % THREADS === at),
      keeps,
    }),
  );
  await Promise.all(threads.map((thread) => thread.ready));
  const startedAt = performance.now();
  const answers = await Promise.all(threads.map((thread) => thread.run()));
  const seconds = (performance.now() - startedAt) / 1000;
  const differing = answers.reduce((sum, answer) => sum + answer.count, 0);
  if (differing > 0)
    throw new Error(`${differing} decisions came to something else when they were made again.`);
  const cpuMs = answers.reduce((sum, answer) => sum + answer.cpuMs, 0);
  return { perSecond: count / seconds, seconds, cpuUs: (cpuMs * 1000) / count };
}

function storedDecision(policies: CompiledPolicies, facts: DecisionFacts): DecisionRow {
  const { outcome, obligations } = decideOutcome(policies, facts);
  return { action: 'request', outcome, facts, obligations };
}

interface Thread {
  ready: Promise<void>;
  /** Starts the job and waits for its result. Errors: those of the thread. */
  run(): Promise<PolicyAnswer>;
}

function openThread(job: PolicyJob): Thread {
  const worker = new Worker(new URL('./policy-thread.ts', import.meta.url), { workerData: job });
  const said: ((value: PolicyAnswer) => void)[] = [];
  const failed = new Promise<never>((_, reject) => worker.once('error', reject));
  const next = () => Promise.race([new Promise<PolicyAnswer>((resolve) => said.push(resolve)), failed]);
  worker.on('message', (value: PolicyAnswer) => said.shift()?.(value));
  const ready = next().then(() => undefined);
  return {
    ready,
    async run() {
      await ready;
      const result = next();
      worker.postMessage('go');
      return result.finally(() => worker.terminate());
    },
  };
}

/** Each time another set, with decisions by it; heap and Cedar's own memory, in MB, once every slot is in use. */
function memoryOverReloads(say: BenchOptions['say']): number {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const usedMb = () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return (heapUsed + external) / 1e6;
  };
  fillSlots();
  for (let seed = 1; seed <= RELOADS_BEFORE; seed++) reload(seed);
  const before = usedMb();
  for (let seed = 1; seed <= RELOADS; seed++) reload(RELOADS_BEFORE + seed);
  const after = usedMb();
  say(`${RELOADS} reloads: ${before.toFixed(1)} MB before, ${after.toFixed(1)} MB after.`);
  return after - before;
}

/** What is kept parsed for later is bounded: to fill it is no growth. */
function fillSlots(): void {
  for (let at = 0, slots = -1; slots < SLOTS.inUse().slots; at++) {
    slots = SLOTS.inUse().slots;
    const policy = `permit (principal, action, resource) when { context.task in Task::"read" && context.duration <= duration("${at}ms") };`;
    const text = Array.from({ length: POLICIES_OF_A_SLOT }, () => policy).join('\n');
    SLOTS.slotFor(slotKeyOf(text), POLICIES_OF_A_SLOT, () => text);
  }
}

function reload(seed: number): void {
  const world = makePolicyWorld(RELOADED_POLICIES, seed);
  // The limits differ from set to set, so that nothing that is kept for one could serve another.
  const files = Object.fromEntries(
    Object.entries(world.files).map(([name, text]) => [
      name,
      text.replaceAll('duration("1h")', `duration("${seed}s")`),
    ]),
  );
  const policies = compilePolicies(files);
  for (let i = 0; i < RELOADED_POLICIES; i++) decide(policies, world.question());
}
