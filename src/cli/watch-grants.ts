// `sally grants --watch`: a line for each grant whose state changes, and at fifteen and five minutes before its end. It
// asks every two seconds, so an extension or a claim is seen when it comes.

import { type Grant, grant as grantSchema } from '../api/grants.ts';
import { Failure } from '../base/errors.ts';
import { sleep } from '../base/timer.ts';
import { grantSentence } from './cards.ts';
import type { Api, Query } from './client.ts';
import { printableJson } from './printable.ts';
import type { Run } from './run.ts';

const LOOK_EVERY_MS = 2_000;
const WARN_BEFORE_MINUTES = [15, 5] as const;

/** Until Ctrl-C. With --json one object a line. */
export async function watchGrants(run: Run, api: Api, query: Query, most: number): Promise<void> {
  const told = new Map<string, string>();
  while (!run.interrupt.aborted) {
    for (const grant of (await look(run, api, query, most)) ?? []) {
      const news = newsOf(grant, api.nowMs());
      if (told.get(grant.id) === news.key) continue;
      told.set(grant.id, news.key);
      run.out.line(run.out.json ? printableJson(grant, 0) : news.text);
    }
    await sleep(LOOK_EVERY_MS, run.interrupt);
  }
}

/** Null while the server is away: what is watched goes on there. */
async function look(run: Run, api: Api, query: Query, most: number): Promise<Grant[] | null> {
  try {
    return await api.list('/api/grants', grantSchema, query, most);
  } catch (error) {
    if (run.interrupt.aborted || (error instanceof Failure && error.code === 'server-unreachable'))
      return null;
    throw error;
  }
}

/** The text, and what has to differ for it to be told again. */
export function newsOf(grant: Grant, nowMs: number): { key: string; text: string } {
  const leftMs = grant.expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(grant.expiresAt) - nowMs;
  const running = grant.state === 'active' && grant.claimBy === null;
  const passed = running ? WARN_BEFORE_MINUTES.filter((minutes) => leftMs <= minutes * 60_000) : [];
  const last = passed.at(-1);
  const name = `${grant.task} on ${grant.target}`;
  const warning =
    last === undefined || leftMs <= 0 ? '' : ` Longer: sally extend ${grant.id} --for 30m --reason "…"`;
  return {
    key: [grant.state, grant.expiresAt, grant.overdue, last, leftMs <= 0].join(' '),
    text: `${name}: ${grantSentence(grant, nowMs)}${warning}`,
  };
}
