// Access for `connect`, `proxy` and `ssh`: a grant that one holds already, a request that waits already, or a new one.

import { type Grant, grant as grantSchema, type IssuedCredential, issuedCredential } from '../api/grants.ts';
import { request as requestSchema, type Submitted } from '../api/requests.ts';
import { parseDuration } from '../base/duration.ts';
import { Failure } from '../base/errors.ts';
import { type AskOptions, askBody, explainRefusal, submit, USUAL_DURATION } from './ask-access.ts';
import { grantSentence, requestSentence } from './cards.ts';
import { type Api, path } from './client.ts';
import { EXIT, type ExitCode, usage } from './exit-codes.ts';
import type { Run } from './run.ts';
import { exitCodeFor, isSettled, waitForAccess } from './wait.ts';

const MOST_HELD = 200;
/** A grant about to end is no use for a new session. */
const SHORTEST_REUSE_MS = 30_000;

export interface AccessOptions extends AskOptions {
  /** Stop waiting after this. */
  timeout?: string;
}

export interface Access<Issued> {
  grant: Grant;
  issued: Issued;
}

/** What a session takes from a grant: a secret, a certificate. */
export type Take<Issued> = (api: Api, grant: Grant) => Promise<Issued>;

/** Asks, waits, and takes what a session needs; null when there is no access, with the exit code set. */
export async function newAccess<Issued>(
  run: Run,
  api: Api,
  target: string,
  options: AccessOptions,
  take: Take<Issued>,
): Promise<Access<Issued> | null> {
  const timeout = options.timeout === undefined ? null : parseDuration(options.timeout, '--timeout');
  const { now, access } = await askAccess(run, api, target, options, take, timeout);
  if (access !== null) return access;
  const code: ExitCode = isSettled(now) ? exitCodeFor(now) : EXIT.timedOut;
  if (run.out.json) run.out.data(now, () => []);
  run.out.say(requestSentence(now.request));
  if (now.grant !== null) run.out.say(grantSentence(now.grant, api.nowMs()));
  await explainRefusal(run, api, now);
  run.finish(code);
  return null;
}

/** The same, without a word about how it ended: `access` is null when there is none. `onWait` gets the request's id. */
export async function askAccess<Issued>(
  run: Run,
  api: Api,
  target: string,
  options: AccessOptions,
  take: Take<Issued>,
  timeoutSeconds: number | null,
  onWait?: (requestId: string) => void,
): Promise<{ now: Submitted; access: Access<Issued> | null }> {
  const first =
    (await pendingRequest(run, api, target, options)) ??
    (await submit(api, await askBody(run, api, target, options)));
  if (first.request.state === 'pending') onWait?.(first.request.id);
  const now = await waitForAccess(run, api, first, timeoutSeconds);
  if (now.grant?.state !== 'active') return { now, access: null };
  return { now, access: { grant: now.grant, issued: await take(api, now.grant) } };
}

/**
 * The active grant that ends last. Without a task only a single one will do: which one is meant must be plain. One
 * that has given all its secrets out, or has just ended, is passed over.
 */
export async function heldAccess<Issued>(
  run: Run,
  api: Api,
  target: string,
  task: string | undefined,
  take: Take<Issued>,
): Promise<Access<Issued> | null> {
  const mine = await api.list('/api/grants', grantSchema, { state: 'active', view: 'mine' }, MOST_HELD);
  const endsAt = (grant: Grant) =>
    grant.expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(grant.expiresAt);
  const fitting = mine
    .filter((grant) => grant.target === target && (task === undefined || grant.task === task))
    .filter((grant) => endsAt(grant) > api.nowMs() + SHORTEST_REUSE_MS)
    .sort((a, b) => endsAt(b) - endsAt(a));
  if (task === undefined && new Set(fitting.map((grant) => grant.task)).size > 1) {
    const tasks = [...new Set(fitting.map((grant) => grant.task))].join(', ');
    throw usage(`You hold several tasks on ${target}.`, `Add --task: ${tasks}.`);
  }
  for (const grant of fitting) {
    try {
      return { grant, issued: await take(api, grant) };
    } catch (error) {
      const passOver = error instanceof Failure && (error.kind === 'limit' || error.kind === 'conflict');
      if (!passOver || run.interrupt.aborted) throw error;
    }
  }
  return null;
}

export const takeSecret: Take<IssuedCredential> = (api, grant) =>
  api.post(path`/api/grants/${grant.id}/credentials`, issuedCredential);

/** One's own request for the same that still waits: after a Ctrl-C one goes on, and approvers get no second card. */
async function pendingRequest(
  run: Run,
  api: Api,
  target: string,
  options: AccessOptions,
): Promise<Submitted | null> {
  if (options.task === undefined) return null;
  const seconds = parseDuration(options.for ?? USUAL_DURATION, '--for');
  const mine = await api.list('/api/requests', requestSchema, { state: 'pending', view: 'mine' }, MOST_HELD);
  const same = mine.find(
    (request) =>
      request.target.name === target &&
      request.task.name === options.task &&
      request.durationSeconds === seconds &&
      (options.ticket === undefined || request.ticket === options.ticket),
  );
  if (same === undefined) return null;
  run.out.say(`Going on with request ${same.id}, which is pending already.`);
  return { request: same, grant: null };
}
