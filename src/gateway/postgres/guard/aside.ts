// Large statements are read aside, in a thread that is started when the first one comes, those of each grant in turn. A
// thread that dies (memory) takes what it was reading with it: that is answered with "cannot be read", and the next one
// starts another.

import { Worker } from 'node:worker_threads';
import { type Examined, UNAVAILABLE } from './examine.ts';

export interface Aside {
  /** Never rejects; where too many wait already, "cannot be read". */
  examine(text: string, grantId: string): Promise<Examined>;
}

interface Question {
  text: string;
  answer: (examined: Examined) => void;
}

const LARGEST_HEAP_MB = 1_024;
/** Given to the thread, so that it need not wait for the next. */
const AT_ONCE = 2;
const MOST_WAITING = 1_000;
/** A session waits for one at a time, so all sessions that a grant may have fit in. */
const MOST_WAITING_OF_GRANT = 100;
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
  let waiting = 0;
  /** By grant; the one whose turn is next comes first. */
  const lines = new Map<string, Question[]>();
  const reading = new Map<number, Question>();

  function start(): Worker {
    const fresh = new Worker(new URL('./worker.ts', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: LARGEST_HEAP_MB },
    });
    fresh.on('message', ({ id, examined }: { id: number; examined: Examined }) => {
      reading.get(id)?.answer(examined);
      reading.delete(id);
      giveMore();
      // It keeps the program alive only while somebody waits.
      if (reading.size === 0) fresh.unref();
    });
    const lost = () => {
      if (worker !== fresh) return;
      worker = null;
      for (const { answer } of reading.values()) answer(FAILED);
      reading.clear();
      giveMore();
    };
    fresh.on('error', lost).on('exit', lost);
    return fresh;
  }

  function giveMore(): void {
    for (const [grantId, line] of lines) {
      if (reading.size >= AT_ONCE) return;
      const question = line.shift();
      lines.delete(grantId);
      if (question === undefined) continue;
      if (line.length > 0) lines.set(grantId, line);
      waiting--;
      worker ??= start();
      const id = next++;
      reading.set(id, question);
      worker.ref();
      worker.postMessage({ id, text: question.text });
    }
  }

  return {
    examine(text, grantId) {
      const line = lines.get(grantId) ?? [];
      if (waiting >= MOST_WAITING || line.length >= MOST_WAITING_OF_GRANT) return Promise.resolve(FAILED);
      return new Promise((answer) => {
        line.push({ text, answer });
        lines.set(grantId, line);
        waiting++;
        giveMore();
      });
    },
  };
}
