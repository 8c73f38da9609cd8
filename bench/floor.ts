// The connector by itself on a target, and the floor of what it does: the very statements that it sends.

import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { newId } from '../src/base/ids.ts';
import { Secret } from '../src/base/secret.ts';
import type { GrantPlan } from '../src/connectors/contract.ts';
import { createRegistry, type OpenTarget } from '../src/connectors/registry.ts';
import { dialDirect } from '../src/targets/dial.ts';
import { type RecordedPair, startRecorder } from './recorded-pair.ts';

const STEP_LIMIT_MS = 20_000;

export const newLogin = () => `sp_${randomBytes(13).toString('hex')}`;

/** `port`: of a recorder before the target; null for the target itself. */
export function openConnector(url: URL, port: number | null): OpenTarget {
  return createRegistry()
    .kind('postgres')
    .open({
      id: newId('target'),
      name: 'bench',
      settings: {
        host: url.hostname,
        port: port ?? Number(url.port),
        database: url.pathname.slice(1),
        tls: 'off',
      },
      admin: { user: url.username, password: new Secret(decodeURIComponent(url.password)) },
      // Another installation than the program's, which leaves our logins alone.
      mark: { installation: `bench-${process.pid}`, epoch: 1 },
      dial: dialDirect,
    });
}

const taskId = newId('task');

function newPlan(entitlement: unknown): GrantPlan<unknown> {
  const grantId = newId('grant');
  const login = newLogin();
  return {
    grantId,
    login,
    handle: { login, grantId },
    password: new Secret(randomBytes(32).toString('base64url')),
    taskId,
    entitlement,
    nativeExpirySeconds: 900,
    label: `bench ${grantId}`,
  };
}

/** A grant and its revocation. Errors: an Error when the target does not say that it is gone. */
export async function connectorPair(target: OpenTarget, entitlement: unknown): Promise<void> {
  const signal = AbortSignal.timeout(STEP_LIMIT_MS);
  const { handle } = await target.grant(newPlan(entitlement), signal);
  const report = await target.revoke(handle, signal);
  if (report.observed !== 'absent')
    throw new Error(`A revocation ended ${report.observed}: ${report.blockers.join('; ')}`);
}

/** What one pair looks like once the task's role is there (which is made once for a task, not for each grant). */
export async function recordPair(url: string, entitlement: unknown): Promise<RecordedPair> {
  const recorder = await startRecorder(Number(new URL(url).port));
  const target = openConnector(new URL(url), recorder.port);
  try {
    await connectorPair(target, entitlement);
    recorder.forget();
    const plan = newPlan(entitlement);
    const signal = AbortSignal.timeout(STEP_LIMIT_MS);
    const { handle } = await target.grant(plan, signal);
    const grant = recorder.take();
    await target.revoke(handle, signal);
    const revoke = recorder.take();
    return { grant, revoke, login: plan.login, grantId: plan.grantId, oid: z.number().parse(handle.oid) };
  } finally {
    await target.close();
    await recorder.close();
  }
}
