// What is done for a grant on a host: the verbs of the contract, each one call of the script there.

import { z } from 'zod';
import { Failure } from '../../../base/errors.ts';
import type { Secret } from '../../../base/secret.ts';
import { keyPairOfSecret, publicLine } from '../../../ssh/keys.ts';
import type {
  Alteration,
  FenceReading,
  GrantPlan,
  Handle,
  HeldGrant,
  NodeHealth,
  Observation,
  Observed,
  RevokeReport,
  TargetMark,
} from '../../contract.ts';
import { type Answer, adminKeyLine, type HostClient, runOnHost, valuesOf } from './client.ts';
import { type Entitlement, loginOptions, sudoRule } from './entitlement.ts';

const handleShape = z.object({
  login: z.string().regex(/^sp_[a-z0-9_]{1,60}$/),
  grantId: z.string().max(200).optional(),
});

/** Errors: `invalid-handle`. */
function loginOf(handle: Handle): string {
  const parsed = handleShape.safeParse(handle);
  if (parsed.success) return parsed.data.login;
  throw new Failure(
    'invalid',
    'invalid-handle',
    'The handle of this grant does not name a login on a host.',
    {
      cause: parsed.error,
    },
  );
}

/** `Connector.grant`. Errors: `unknown-account`, `sudo-missing`, `host-not-prepared`, `target-conflict`; the host's. */
export async function grant(
  client: HostClient,
  plan: GrantPlan<Entitlement>,
  signal: AbortSignal,
): Promise<Observation> {
  const { entitlement, grantId } = plan;
  const login = loginOf({ login: plan.login });
  const authorities = (await client.access.authorities?.()) ?? [];
  const answer = await runOnHost(
    client,
    'put',
    [
      login,
      grantId,
      entitlement.user ?? '',
      entitlement.groups.join(','),
      String(Math.ceil(plan.nativeExpirySeconds)),
      loginOptions(entitlement, login),
      sudoRule(entitlement, login),
      plan.label,
      [...(entitlement.sftp ? ['sftp'] : []), ...entitlement.commands.map((one) => `command=${one}`)].join(
        '\n',
      ),
      authorities.map((line) => `${line} sallyport:${client.access.mark.installation}`).join('\n'),
    ],
    signal,
  );
  return { observed: observedIn(answer), handle: plan.handle };
}

/** `Connector.revoke`: the door, the list of revoked certificates, sessions, sudo, the account; then it looks again. */
export async function revoke(client: HostClient, handle: Handle, signal: AbortSignal): Promise<RevokeReport> {
  const answer = await runOnHost(client, 'end', [loginOf(handle)], signal);
  return {
    observed: observedIn(answer),
    handle,
    // A host may answer what it likes.
    sessionsEnded: Number(valuesOf(answer, 'ended')[0]) || 0,
    blockers: valuesOf(answer, 'blocker'),
    leftBehind: valuesOf(answer, 'left'),
  };
}

export async function inspect(client: HostClient, handle: Handle, signal: AbortSignal): Promise<Observation> {
  return { observed: observedIn(await runOnHost(client, 'look', [loginOf(handle)], signal)), handle };
}

export async function renew(
  client: HostClient,
  handle: Handle,
  nativeExpirySeconds: number,
  signal: AbortSignal,
): Promise<void> {
  await runOnHost(client, 'renew', [loginOf(handle), String(Math.ceil(nativeExpirySeconds))], signal);
}

export async function sweep(
  client: HostClient,
  handles: Handle[],
  signal: AbortSignal,
): Promise<{ handle: Handle; ended: number }[]> {
  const byLogin = new Map(handles.map((handle) => [loginOf(handle), handle]));
  if (byLogin.size === 0) return [];
  const answer = await runOnHost(client, 'sweep', [...byLogin.keys()], signal);
  return valuesOf(answer, 'swept').flatMap((line) => {
    const [login = '', ended] = line.split(' ');
    const handle = byLogin.get(login);
    return handle === undefined ? [] : [{ handle, ended: Number(ended) }];
  });
}

export async function marked(client: HostClient, signal: AbortSignal): Promise<Handle[]> {
  const answer = await runOnHost(client, 'marked', [], signal);
  return valuesOf(answer, 'grant').map((line): Handle => {
    const [login = '', grantId = ''] = line.split(' ');
    return { login, grantId };
  });
}

/** `Connector.altered`: what the host would let a grant do, against what was granted. */
export async function altered(
  client: HostClient,
  held: HeldGrant<Entitlement>[],
  signal: AbortSignal,
): Promise<{ handle: Handle; alterations: Alteration[] }[]> {
  const byLogin = new Map(held.map((one) => [loginOf(one.handle), one]));
  if (byLogin.size === 0) return [];
  const answer = await runOnHost(client, 'held', [...byLogin.keys()], signal);
  const found: { handle: Handle; alterations: Alteration[] }[] = [];
  let at: Answer = [];
  const look = () => {
    const [login = ''] = valuesOf(at, 'login');
    const one = byLogin.get(login);
    const alterations = one === undefined ? [] : compare(at, login, one.entitlement);
    if (one !== undefined && alterations.length > 0) found.push({ handle: one.handle, alterations });
  };
  for (const line of answer) {
    if (line[0] === 'login') {
      look();
      at = [];
    }
    at.push(line);
  }
  look();
  return found;
}

function compare(answer: Answer, login: string, task: Entitlement): Alteration[] {
  const alterations: Alteration[] = [];
  const is = (key: string) => valuesOf(answer, key)[0] ?? '';
  if (is('user') !== (task.user ?? login) || is('options') !== loginOptions(task, login))
    alterations.push({
      kind: 'wider',
      what: `What the certificates of ${login} may do on the host was changed.`,
    });
  const rule = sudoRule(task, login);
  if (is('sudo') !== rule) {
    const kind = is('sudo') === '' ? 'narrower' : 'wider';
    alterations.push({ kind, what: `The rule for sudo of ${login} was changed or removed.` });
  }
  if (task.perGrant) {
    const expected = new Set([login, ...task.groups]);
    const added = is('groups')
      .split(' ')
      .filter((group) => group !== '' && !expected.has(group));
    if (added.length > 0)
      alterations.push({
        kind: 'wider',
        what: `${login} was put into more groups: ${added.sort().join(', ')}.`,
      });
  }
  return alterations;
}

export async function nodes(client: HostClient, signal: AbortSignal): Promise<NodeHealth[]> {
  const node = { node: client.node, role: 'primary' as const };
  try {
    const before = Date.now();
    const now = Number(valuesOf(await runOnHost(client, 'now', [], signal), 'now')[0]) * 1_000;
    // Its seconds are whole.
    const clockSkewSeconds = Math.max(before - 1_000 - now, now - Date.now(), 0) / 1_000;
    return [{ ...node, error: null, code: null, clockSkewSeconds }];
  } catch (error) {
    if (!(error instanceof Failure) || signal.aborted) throw error;
    return [{ ...node, error: error.message, code: error.code, clockSkewSeconds: null }];
  }
}

const fenceText = z.object({ epoch: z.int(), number: z.int(), nonce: z.string(), logSize: z.int() });
/** One a target: several may be one host. */
const fenceName = ({ access }: HostClient) => `${access.mark.installation}.${access.id}`;

/** `Connector.readFence`. Who else is connected, a host does not tell. */
export async function readFence(client: HostClient, signal: AbortSignal): Promise<FenceReading> {
  const [line] = valuesOf(await runOnHost(client, 'read_fence', [fenceName(client)], signal), 'fence');
  if (line === undefined) return { mark: null, others: [] };
  try {
    return { mark: fenceText.parse(JSON.parse(line)), others: [] };
  } catch {
    return { mark: null, others: [] };
  }
}

export async function writeFence(client: HostClient, mark: TargetMark, signal: AbortSignal): Promise<void> {
  await runOnHost(client, 'write_fence', [fenceName(client), JSON.stringify(mark)], signal);
}

/** `Connector.setAdminPassword`: the key of the new one in place of the one that is logged in with. */
export async function setAdminPassword(
  client: HostClient,
  password: Secret,
  signal: AbortSignal,
): Promise<void> {
  const { admin } = client.access;
  const key = publicLine(keyPairOfSecret(admin.password).publicKey);
  await runOnHost(client, 'admin_key', [admin.user, key, adminKeyLine(client.access, password)], signal);
}

function observedIn(answer: Answer): Observed {
  const [said] = valuesOf(answer, 'observed');
  if (said === 'present' || said === 'inert' || said === 'absent') return said;
  throw new Failure('unavailable', 'target-error', 'The host gave no answer that Sallyport understands.');
}
