// Whether the server answers and whether its live stream is open: two facts that the shell shows and that decide
// how often pages ask by themselves.

import { useSyncExternalStore } from 'react';

export interface Reach {
  /** The last call got an answer, whichever. */
  reachable: boolean;
  /** The stream of hints is open; without it, pages poll. */
  live: boolean;
}

let reach: Reach = { reachable: true, live: false };
const listeners = new Set<() => void>();

function set(next: Partial<Reach>): void {
  const merged = { ...reach, ...next };
  if (merged.reachable === reach.reachable && merged.live === reach.live) return;
  reach = merged;
  for (const listener of listeners) listener();
}

export const noteReachable = (reachable: boolean): void => set({ reachable });
export const noteLive = (live: boolean): void => set({ live });
export const currentReach = (): Reach => reach;

export function onReach(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useReach = (): Reach => useSyncExternalStore(onReach, currentReach);
