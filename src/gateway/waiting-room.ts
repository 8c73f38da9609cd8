// Connections that have not logged in yet. They are few at a time, so whoever only connects must not keep others out:
// when all places are taken, one gives way. First the network that holds the most loses one to whoever holds fewer, at
// once; between equals, whoever has proven nothing for a while.

import { networkOf } from '../base/address-ranges.ts';
import { monotonicMs } from '../base/timer.ts';

export interface WaitingRoomLimits {
  /** At the same time. */
  places: number;
  /** After so long, the oldest that has proven nothing gives way to anybody. */
  giveWayAfterMs: number;
}

export interface Place {
  /** Who it is is known: it stays until it leaves. */
  proven(): void;
  /** The login is over. Again: nothing. */
  leave(): void;
}

export interface WaitingRoom {
  /** `giveWay` is called when the place is another's. Null: there is no room. */
  enter(address: string, giveWay: () => void): Place | null;
}

interface Waiting {
  since: number;
  giveWay: () => void;
}

export function createWaitingRoom({ places, giveWayAfterMs }: WaitingRoomLimits): WaitingRoom {
  let taken = 0;
  /** Those who have proven nothing, by network; each in the order of their coming. */
  const unproven = new Map<string, Set<Waiting>>();

  function remove(network: string, waiting: Waiting): boolean {
    const there = unproven.get(network);
    const was = there?.delete(waiting) ?? false;
    if (there?.size === 0) unproven.delete(network);
    return was;
  }

  /** Takes the place of somebody else. */
  function makeRoom(network: string): boolean {
    let busiest: [string, Set<Waiting>] | null = null;
    let oldest: [string, Waiting] | null = null;
    for (const [from, there] of unproven) {
      if (there.size > (busiest?.[1].size ?? 0)) busiest = [from, there];
      const [first] = there;
      if (first !== undefined && first.since < (oldest?.[1].since ?? Number.POSITIVE_INFINITY))
        oldest = [from, first];
    }
    if (busiest === null || oldest === null) return false;
    const [first] = busiest[1];
    if (first !== undefined && busiest[1].size > (unproven.get(network)?.size ?? 0) + 1)
      oldest = [busiest[0], first];
    else if (monotonicMs() - oldest[1].since < giveWayAfterMs) return false;
    remove(...oldest);
    taken--;
    oldest[1].giveWay();
    return true;
  }

  return {
    enter(address, giveWay) {
      const network = networkOf(address);
      if (taken >= places && !makeRoom(network)) return null;
      taken++;
      const waiting = { since: monotonicMs(), giveWay };
      unproven.set(network, (unproven.get(network) ?? new Set()).add(waiting));
      let state: 'unproven' | 'proven' | 'gone' = 'unproven';
      return {
        proven() {
          if (state === 'unproven' && remove(network, waiting)) state = 'proven';
        },
        leave() {
          if (state === 'proven' || (state === 'unproven' && remove(network, waiting))) taken--;
          state = 'gone';
        },
      };
    },
  };
}
