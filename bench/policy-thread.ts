// One of the policy bench's threads: says that it is ready, waits for a word, and answers with one number and the
// processor's time that it took.

import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import type { CompiledPolicies } from '../src/policy/engine/compile.ts';
import { Memory, remembering } from '../src/policy/engine/memory.ts';
import { replayDecision } from '../src/policy/replay.ts';
import { findDisagreements } from '../test/harness/policy-model.ts';

export type PolicyJob =
  /**
   * `rows`: decisions as JSON text, as the store gives them. Answers how many came to something else. `keeps`: as a plan
   * replays, with a memory; else each is asked anew.
   */
  | { job: 'replay'; policies: CompiledPolicies; rows: string[]; keeps: boolean }
  /** Answers how many questions the engine answered unlike Cedar. */
  | { job: 'compare'; seed: number; questions: number };

export interface PolicyAnswer {
  count: number;
  cpuMs: number;
}

function run(job: PolicyJob): number {
  if (job.job === 'compare') return findDisagreements(job.seed, job.questions).length;
  const policies = job.keeps ? remembering(job.policies, new Memory()) : job.policies;
  let differing = 0;
  for (const row of job.rows) {
    if (replayDecision(policies, JSON.parse(row)).differences.length > 0) differing++;
  }
  return differing;
}

const port = parentPort;
if (port === null) throw new Error('This is a thread of the policy bench.');
const asked = once(port, 'message');
port.postMessage({ count: 0, cpuMs: 0 });
await asked;
const before = process.threadCpuUsage();
const count = run(workerData);
const { user, system } = process.threadCpuUsage(before);
port.postMessage({ count, cpuMs: (user + system) / 1000 } satisfies PolicyAnswer);
