// One of the policy bench's threads: says that it is ready, waits for a word, and answers with one number.

import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import type { CompiledPolicies } from '../src/policy/engine/compile.ts';
import { replayDecision } from '../src/policy/replay.ts';
import { findDisagreements } from '../test/harness/policy-model.ts';

export type PolicyJob =
  /** `rows`: decisions as JSON text. Answers how many came to something else. */
  | { job: 'replay'; policies: CompiledPolicies; rows: string[]; passes: number }
  /** Answers how many questions the engine answered unlike Cedar. */
  | { job: 'compare'; seed: number; questions: number };

function run(job: PolicyJob): number {
  if (job.job === 'compare') return findDisagreements(job.seed, job.questions).length;
  let differing = 0;
  for (let pass = 0; pass < job.passes; pass++) {
    for (const row of job.rows) {
      if (replayDecision(job.policies, JSON.parse(row)).differences.length > 0) differing++;
    }
  }
  return differing;
}

const port = parentPort;
if (port === null) throw new Error('This is a thread of the policy bench.');
const asked = once(port, 'message');
port.postMessage(0);
await asked;
port.postMessage(run(workerData));
