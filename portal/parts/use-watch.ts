// Follows a running session: asks, is answered when there is something new, asks again, until it is over or the page is
// left. A failure is told, and asked again after a while.

import { useEffect, useState } from 'react';
import type { SessionLive } from '../../src/api/sessions.ts';
import { queries } from '../api/query-client.ts';
import { watchSession } from '../api/sessions.ts';

const AGAIN_MS = 3_000;
// Of a session that does a thousand things a second, so many pictures are enough.
const PACE_MS = 400;

export function useWatch(id: string, live: boolean): { seen: SessionLive | null; failure: Error | null } {
  const [seen, setSeen] = useState<SessionLive | null>(null);
  const [failure, setFailure] = useState<Error | null>(null);
  useEffect(() => {
    if (!live) return;
    const left = new AbortController();
    void follow(id, left.signal, setSeen, setFailure);
    return () => left.abort();
  }, [id, live]);
  return { seen: seen?.session.id === id ? seen : null, failure };
}

async function follow(
  id: string,
  left: AbortSignal,
  show: (seen: SessionLive) => void,
  fail: (failure: Error | null) => void,
): Promise<void> {
  let version = 0;
  while (!left.aborted) {
    try {
      const seen = await watchSession(id, version, left);
      if (left.aborted) return;
      version = seen.version;
      fail(null);
      show(seen);
      if (!seen.session.live) {
        void queries.invalidateQueries({ queryKey: ['sessions'] });
        return;
      }
      await pause(PACE_MS, left);
    } catch (error) {
      if (left.aborted) return;
      fail(error instanceof Error ? error : new Error(String(error)));
      await pause(AGAIN_MS, left);
    }
  }
}

function pause(ms: number, left: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    left.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
