// Work that repeats: input-free, idempotent, one run at a time in a process, woken early by `kick`, never
// stopped by an error. What must happen once among replicas takes its work by `for update skip locked`.

import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';

export interface Repeating {
  start(): void;
  /** Runs as soon as the present run is over; many kicks are one run. */
  kick(): void;
  /** Lets the present run finish. */
  stop(): Promise<void>;
}

/**
 * `act` returns how many milliseconds to wait until the next run (0: at once), or nothing for `everyMs`.
 * An error is logged and the next run comes after `everyMs`.
 */
export function repeat(
  ctx: { log: Logger },
  name: string,
  everyMs: number,
  act: (signal: AbortSignal) => Promise<number | undefined>,
): Repeating {
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | null = null;
  let again = false;

  async function run(): Promise<void> {
    let delayMs = everyMs;
    try {
      delayMs = (await act(stopping.signal)) ?? everyMs;
    } catch (error) {
      ctx.log.error(
        { job: name, reason: messageOf(error), err: error },
        'a repeating job failed; it goes on',
      );
    }
    running = null;
    if (stopping.signal.aborted) return;
    if (again) {
      again = false;
      launch();
    } else {
      timer = setTimeout(launch, Math.min(delayMs, everyMs));
    }
  }

  function launch(): void {
    clearTimeout(timer);
    running = run();
  }

  return {
    start: launch,
    kick() {
      if (stopping.signal.aborted) return;
      if (running === null) launch();
      else again = true;
    },
    async stop() {
      stopping.abort();
      clearTimeout(timer);
      await running;
    },
  };
}
