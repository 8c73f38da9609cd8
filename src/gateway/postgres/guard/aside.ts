// Large statements are read aside, in a thread that is started when the first one comes. A thread that dies (memory)
// takes its questions with it: they are answered with "cannot be read", and the next one starts another.

import { Worker } from 'node:worker_threads';
import { type Examined, UNAVAILABLE } from './examine.ts';

export interface Aside {
  examine(text: string): Promise<Examined>;
}

const LARGEST_HEAP_MB = 1_024;
const MOST_WAITING = 100;
const FAILED: Examined = {
  ok: false,
  fault: {
    sqlstate: UNAVAILABLE,
    text: 'This large statement cannot be read just now. Try again, or split it.',
  },
};

export function createAside(): Aside {
  let worker: Worker | null = null;
  let next = 0;
  const waiting = new Map<number, (examined: Examined) => void>();

  function start(): Worker {
    const fresh = new Worker(new URL('./worker.ts', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: LARGEST_HEAP_MB },
    });

    fresh.on('message', ({ id, examined }: { id: number; examined: Examined }) => {
      waiting.get(id)?.(examined);
      waiting.delete(id);
      // It keeps the program alive only while somebody waits.
      if (waiting.size === 0) fresh.unref();
    });
    const lost = () => {
      if (worker !== fresh) return;
      worker = null;
      for (const answer of waiting.values()) answer(FAILED);
      waiting.clear();
    };
    fresh.on('error', lost).on('exit', lost);
    return fresh;
  }

  return {
    examine(text) {
      if (waiting.size >= MOST_WAITING) return Promise.resolve(FAILED);
      worker ??= start();
      const id = next++;
      return new Promise((resolve) => {
        waiting.set(id, resolve);
        worker?.ref();
        worker?.postMessage({ id, text });
      });
    },
  };
}
