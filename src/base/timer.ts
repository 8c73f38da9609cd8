// Waiting, by the monotonic clock: a wall clock that jumps neither lengthens nor shortens a wait.
// `setTimeout` fires at once beyond 2^31-1 ms (24.8 days; measured), so long waits are re-armed.

// Not the global of the same name: that is a getter, which costs more than the clock.
import { performance } from 'node:perf_hooks';

const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** Milliseconds on a clock that never jumps; only differences mean anything. */
export function monotonicMs(): number {
  return performance.now();
}

export interface Timer {
  cancel(): void;
}

/** Calls `act` once after `delayMs` (any length; ≤ 0 means on the next turn). Never keeps the process alive. */
export function after(delayMs: number, act: () => void): Timer {
  const dueAt = monotonicMs() + delayMs;
  let handle: NodeJS.Timeout;
  const arm = () => {
    const leftMs = dueAt - monotonicMs();
    handle = setTimeout(
      leftMs > LONGEST_TIMEOUT_MS ? arm : act,
      Math.min(Math.max(leftMs, 0), LONGEST_TIMEOUT_MS),
    );
    handle.unref();
  };
  arm();
  return { cancel: () => clearTimeout(handle) };
}

/** Resolves after `delayMs`, or at once when `signal` aborts (without an error). */
export function sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = () => {
      clearTimeout(handle);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const handle = setTimeout(done, Math.min(delayMs, LONGEST_TIMEOUT_MS));
    signal?.addEventListener('abort', done, { once: true });
  });
}
