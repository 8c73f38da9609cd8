// Compiling in a thread, so that decisions go on while a large set is read. The rules come back as they are read, some
// at a time: all of them in one message would be a pause as well.

import { Worker } from 'node:worker_threads';
import { Failure, type FailureDetail, type FailureKind } from '../../base/errors.ts';
import { type CompiledPolicies, compilePolicies, type PolicySources } from './compile.ts';
import type { Rule } from './rule.ts';
import { addToShards, newShards } from './shards.ts';

/** Characters that are compiled at once: less than a thread takes to start. */
const SMALL_SET_CHARACTERS = 8 * 1024;
const LARGEST_HEAP_MB = 2_048;
const LONGEST_COMPILE_MS = 300_000;

/** What the thread says, in this order: any number of `rules`, and then one of the others. */
export type CompileMessage =
  | { is: 'rules'; rules: readonly Rule[] }
  | { is: 'done'; digest: string }
  | { is: 'refused'; kind: FailureKind; code: string; message: string; detail: FailureDetail };

/**
 * As `compilePolicies`, and with its errors; also `compile-failed` where the thread ended without an answer, as when
 * `signal` aborts, memory runs out or five minutes are over.
 */
export async function compileAside(files: PolicySources, signal?: AbortSignal): Promise<CompiledPolicies> {
  const characters = Object.values(files).reduce((sum, text) => sum + text.length, 0);
  if (characters <= SMALL_SET_CHARACTERS) return compilePolicies(files);
  const limit = AbortSignal.timeout(LONGEST_COMPILE_MS);
  const ending = signal === undefined ? limit : AbortSignal.any([signal, limit]);
  const rules: Rule[] = [];
  const shards = newShards();
  const worker = new Worker(new URL('./compile-thread.ts', import.meta.url), {
    workerData: files,
    resourceLimits: { maxOldGenerationSizeMb: LARGEST_HEAP_MB },
  });
  const stop = () => void worker.terminate();
  ending.addEventListener('abort', stop);
  try {
    const digest = await new Promise<string>((resolve, reject) => {
      worker.on('message', (message: CompileMessage) => {
        if (message.is === 'rules') {
          for (const rule of message.rules) rules.push(rule);
          addToShards(shards, message.rules);
        } else if (message.is === 'done') resolve(message.digest);
        else reject(new Failure(message.kind, message.code, message.message, message.detail));
      });
      worker.once('error', (cause) => reject(notCompiled(cause)));
      worker.once('exit', () => reject(notCompiled(ending.reason)));
      if (ending.aborted) stop();
    });
    return { digest, rules, shards };
  } finally {
    ending.removeEventListener('abort', stop);
    await worker.terminate();
  }
}

function notCompiled(cause: unknown): Failure {
  return new Failure('unavailable', 'compile-failed', 'The policies could not be compiled just now.', {
    hint: 'Try again. If it stays so, publish fewer policies, or give Sallyport more memory.',
    cause,
  });
}
