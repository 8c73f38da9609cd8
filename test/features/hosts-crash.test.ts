// kill -9 in the middle of granting and of revoking on a host, again and again: after each start its accounts and its
// sudo rules are those of the active grants, nothing more and nothing less, and the log verifies.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { grant as grantSchema } from '../../src/api/grants.ts';
import { hostKeys } from '../../src/api/hosts.ts';
import { submitted } from '../../src/api/requests.ts';
import { task as taskSchema } from '../../src/api/targets.ts';
import { converged } from '../harness/convergence.ts';
import { skipWithoutHost, startHost, type TestHost } from '../harness/host.ts';
import { policiesInForce, publishPolicies, type Sallyport, startSallyport } from '../harness/sallyport.ts';

/** `npm run test:faults` asks for more. */
const CRASHES = Math.ceil(Number(process.env.SALLY_CRASHES ?? 4) / 2);
const WORKERS = 3;

const POLICY = `@id("web")
@description("Engineers work on web hosts at once.")
@owner("web")
@maxDuration("1h")
permit (principal in Group::"engineering", action in [Action::"request", Action::"autoApprove", Action::"connect"],
  resource in Segment::"prod/web") when { context.task == Task::"web-root" };
`;

let sallyport: Sallyport;
let host: TestHost;

describe('hosts and crashes', { skip: skipWithoutHost() }, () => {
  before(async () => {
    // One after the other: should one fail, the other is there to be ended.
    sallyport = await startSallyport();
    host = await startHost({ prepared: false });
    await sallyport.ask('admin', 'POST', '/api/tasks', taskSchema, {
      name: 'web-root',
      kind: 'ssh',
      description: 'A shell, and one command as root.',
      segment: 'prod/web',
      entitlement: { perGrant: true, shell: true, sudo: { commands: ['/usr/bin/id'] } },
    });
    await publishPolicies(sallyport, { ...(await policiesInForce(sallyport)), 'web.cedar': POLICY });
    const at = { host: '127.0.0.1', port: host.port };
    const shown = await sallyport.ask('admin', 'POST', '/api/host-keys', hostKeys, at);
    const added = await sallyport.cli(
      'admin',
      ...['target', 'add', 'web-1', '--kind', 'ssh', '--segment', 'prod/web', '--environment', 'prod'],
      ...[
        '--host',
        at.host,
        '--port',
        String(at.port),
        '--host-key',
        shown.items[0]?.fingerprint ?? '',
        '--json',
      ],
    );
    const { check } = JSON.parse(added.stdout) as { check: { items: { fix?: string }[] } };
    host.run(check.items[0]?.fix ?? 'false');
  });
  after(async () => {
    await sallyport?.[Symbol.asyncDispose]();
    await host?.stop();
  });

  test(`${CRASHES} crashes at random moments of granting and revoking on a host`, {
    timeout: (CRASHES + 1) * 90_000,
  }, async () => {
    let most = 0;
    for (let round = 1; round <= CRASHES; round++) {
      const stopping = new AbortController();
      const work = churn(stopping.signal);
      await delay(800 + Math.random() * 2_500);
      await sallyport.crash();
      stopping.abort();
      await work;
      most = Math.max(most, (await onHost()).accounts.length);
      await sallyport.start();
      for (const one of (await converged(sallyport, round, onHost)).slice(2))
        await sallyport.ask('engineer', 'POST', `/api/grants/${one.id}/done`, grantSchema);
    }
    await converged(sallyport, CRASHES + 1, onHost);
    assert.ok(most > 0, 'some crash found accounts on the host');
    const verified = await sallyport.cli('auditor', 'audit', 'verify', '--json');
    assert.equal(verified.code, 0, verified.stderr);
  });
});

/** Requests and early returns, as fast as they go, until the program is gone. */
async function churn(signal: AbortSignal): Promise<void> {
  const one = async () => {
    while (!signal.aborted) {
      const { grant } = await sallyport.ask('engineer', 'POST', '/api/requests?wait=10', submitted, {
        target: 'web-1',
        task: 'web-root',
        duration: '10m',
        reason: 'churn',
      });
      // Some stay active, so that the crash also finds grants that must survive it.
      if (grant !== null && Math.random() < 0.7)
        await sallyport.ask('engineer', 'POST', `/api/grants/${grant.id}/done`, grantSchema);
    }
  };
  await Promise.allSettled(Array.from({ length: WORKERS }, one));
}

/** By the host's own word. */
async function onHost(): Promise<{ accounts: string[]; sudoers: string[] }> {
  const lines = (script: string) =>
    host
      .run(script)
      .split('\n')
      .filter((line) => line !== '');
  return {
    accounts: lines("getent passwd | cut -d: -f1 | grep '^sp_' || true"),
    sudoers: lines("ls /etc/sudoers.d | sed -n 's/^sallyport_//p'"),
  };
}
