// Keeps what is shown true without a reload. The server's stream only hints at what changed; the pages then ask
// again. While the stream is down, everything on screen is asked for every few seconds instead.

import type { QueryClient } from '@tanstack/react-query';
import { z } from 'zod';
import { apiPath } from './paths.ts';
import { currentReach, noteLive, noteReachable, onReach } from './reach.ts';

const POLL_MS = 5_000;
const PROBE_MS = 2_500;
const RECONNECT_MS = [500, 1_000, 2_000, 5_000, 10_000];
// Several hints of one act arrive together; one round of questions is enough.
const GATHER_MS = 60;
// A browser opens only six connections to a server: tabs that nobody looks at give theirs back.
const HIDDEN_MS = 30_000;

const hint = z.object({ topic: z.string() });

/** Which queries (by the first part of their key) a topic makes stale. */
const STALE: Record<string, string[]> = {
  requests: ['requests', 'insights'],
  grants: ['grants', 'broken-glass', 'requests', 'targets', 'segments', 'receipts', 'insights'],
  kills: ['kills', 'grants', 'requests'],
  sessions: ['sessions', 'grants', 'insights'],
  audit: ['audit'],
  targets: ['targets', 'tasks', 'segments', 'reach'],
  people: ['people', 'principals'],
  notices: ['notices'],
  'break-glass': ['broken-glass', 'reviews', 'kits', 'drills', 'grants'],
  policies: ['preview', 'requests', 'segments', 'reach', 'policies', 'policy-changes'],
};

/** Starts listening; returns the function that stops it. */
export function keepLive(queries: QueryClient): () => void {
  let source: EventSource | null = null;
  let failures = 0;
  let stopped = false;
  let reconnect: ReturnType<typeof setTimeout> | undefined;
  let gathering: ReturnType<typeof setTimeout> | undefined;
  const gathered = new Set<string>();

  function refresh(): void {
    gathering = undefined;
    const topics = [...gathered];
    gathered.clear();
    for (const key of topics) void queries.invalidateQueries({ queryKey: [key] });
  }

  function onHint(event: MessageEvent<string>): void {
    const parsed = hint.safeParse(parse(event.data));
    if (!parsed.success) return;
    for (const key of STALE[parsed.data.topic] ?? []) gathered.add(key);
    gathering ??= setTimeout(refresh, GATHER_MS);
  }

  function connect(): void {
    if (stopped || source !== null) return;
    source = new EventSource(apiPath.events());
    source.onopen = () => {
      failures = 0;
      noteReachable(true);
      noteLive(true);
      // Whatever happened before the stream was open gave no hint.
      void queries.invalidateQueries();
    };
    source.onmessage = onHint;
    source.onerror = () => {
      disconnect();
      void isHealthy().then(noteReachable);
      const wait = RECONNECT_MS[Math.min(failures, RECONNECT_MS.length - 1)] ?? POLL_MS;
      failures += 1;
      clearTimeout(reconnect);
      reconnect = setTimeout(connect, wait);
    };
  }

  function disconnect(): void {
    source?.close();
    source = null;
    noteLive(false);
  }

  let hiding: ReturnType<typeof setTimeout> | undefined;
  function onVisibility(): void {
    clearTimeout(hiding);
    if (document.visibilityState === 'visible') connect();
    else hiding = setTimeout(disconnect, HIDDEN_MS);
  }
  document.addEventListener('visibilitychange', onVisibility);

  const poll = setInterval(() => {
    if (!currentReach().live && document.visibilityState === 'visible') {
      void queries.invalidateQueries({ predicate: (query) => query.queryKey[0] !== 'preview' });
    }
  }, POLL_MS);
  const stopProbe = probeWhileUnreachable(queries);

  connect();
  return () => {
    stopped = true;
    disconnect();
    document.removeEventListener('visibilitychange', onVisibility);
    clearTimeout(hiding);
    clearInterval(poll);
    clearTimeout(reconnect);
    clearTimeout(gathering);
    stopProbe();
  };
}

/** While the server does not answer, asks for its health only; when it does, everything on screen is asked again. */
export function probeWhileUnreachable(queries: QueryClient): () => void {
  let timer: ReturnType<typeof setInterval> | undefined;
  async function probe(): Promise<void> {
    if (!(await isHealthy())) return;
    noteReachable(true);
    void queries.invalidateQueries();
  }
  const off = onReach(() => {
    const { reachable } = currentReach();
    if (!reachable) timer ??= setInterval(() => void probe(), PROBE_MS);
    else {
      clearInterval(timer);
      timer = undefined;
    }
  });
  return () => {
    off();
    clearInterval(timer);
  };
}

async function isHealthy(): Promise<boolean> {
  const answer = await fetch(apiPath.health(), { cache: 'no-store' }).catch(() => null);
  return answer?.ok === true;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
