// The server's time as something that components follow. One timer for the whole page, running only while anybody
// looks.

import { useSyncExternalStore } from 'react';
import { serverNowMs } from '../api/server-clock.ts';

const TICK_MS = 1_000;
const SLOW_MS = 20_000;

function ticker(everyMs: number) {
  let now = serverNowMs();
  let timer: ReturnType<typeof setInterval> | undefined;
  const listeners = new Set<() => void>();
  const tick = () => {
    now = serverNowMs();
    for (const listener of listeners) listener();
  };
  return {
    subscribe(listener: () => void) {
      listeners.add(listener);
      now = serverNowMs();
      timer ??= setInterval(tick, everyMs);
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      };
    },
    read: () => now,
  };
}

const fast = ticker(TICK_MS);
const slow = ticker(SLOW_MS);

/** The server's time in ms, renewed every second. */
export const useNow = (): number => useSyncExternalStore(fast.subscribe, fast.read);

/** The same, renewed every twenty seconds: for "4 min ago". */
export const useSlowNow = (): number => useSyncExternalStore(slow.subscribe, slow.read);
