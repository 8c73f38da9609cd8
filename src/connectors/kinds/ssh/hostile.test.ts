// What must not happen on a host, tried with OpenSSH's own client on a real sshd: by whoever holds a grant, by whoever
// held one, by a host that is another, and by texts that want to be more than text.
// Long because all that is tried is read side by side, on one host.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { skipWithoutHost, startHost, type TestHost } from '../../../../test/harness/host.ts';
import {
  type HostIdentity,
  holdShell,
  identityFor,
  runClient,
  sshTo,
} from '../../../../test/harness/host-login.ts';
import { Failure } from '../../../base/errors.ts';
import { Secret } from '../../../base/secret.ts';
import { keyPairOfSecret, newKeyPair, opensshPrivateKey, publicLine } from '../../../ssh/keys.ts';
import { dialDirect } from '../../../targets/dial.ts';
import { planOf } from '../../conformance.ts';
import type { GrantPlan, TargetAccess } from '../../contract.ts';
import type { HostClient } from './client.ts';
import { type Entitlement, entitlement } from './entitlement.ts';
import { type TargetSettings, targetSettings } from './settings.ts';
import { ssh } from './ssh.ts';

const limit = () => AbortSignal.timeout(30_000);

let host: TestHost;
let access: TargetAccess<TargetSettings>;
let client: HostClient;

function accessTo(to: TestHost): TargetAccess<TargetSettings> {
  return {
    id: 'tgt_test',
    name: 'host',
    settings: { host: '127.0.0.1', port: to.port, hostKeys: [to.hostKey] },
    admin: to.admin,
    mark: { installation: to.installation, epoch: 1 },
    dial: dialDirect,
    authorities: async () => [to.authorityLine],
  };
}

async function granted(
  task: object,
  change: Partial<GrantPlan<Entitlement>> = {},
): Promise<GrantPlan<Entitlement>> {
  const plan = { ...planOf(entitlement.parse(task)), ...change };
  await ssh.grant(client, plan, limit());
  return plan;
}

const revoke = (plan: GrantPlan<Entitlement>) => ssh.revoke(client, plan.handle, limit());

async function refusedWith(code: string, act: Promise<unknown>): Promise<void> {
  await assert.rejects(act, (error) => error instanceof Failure && error.code === code);
}

describe('a host, and who wants more than was granted', { skip: skipWithoutHost() }, () => {
  before(async () => {
    host = await startHost();
    access = accessTo(host);
    client = ssh.connect(access);
  });
  after(async () => {
    await ssh.disconnect(client);
    await host.stop();
  });

  it('a certificate opens the account of its grant, and no other, whatever it says', async () => {
    const [own, shared] = [
      await granted({ perGrant: true, shell: true }),
      await granted({ user: 'deploy', shell: true }),
    ];
    const [mine, theirs] = [identityFor(host, own.login), identityFor(host, shared.login)];
    assert.equal((await sshTo(mine, own.login, 'id -un')).out.trim(), own.login);
    assert.equal((await sshTo(theirs, 'deploy', 'id -un')).out.trim(), 'deploy');
    for (const user of ['root', 'deploy', shared.login])
      assert.equal((await sshTo(mine, user, 'id')).code, 255);
    assert.equal((await sshTo(theirs, own.login, 'id')).code, 255);
    // Signed for everybody's name, and for a grant that is not there; and by somebody else.
    const forged = [
      identityFor(host, own.login, { principals: ['root', 'deploy'] }),
      identityFor(host, 'sp_never', { principals: [own.login] }),
      identityFor(host, '../grants', { principals: [own.login] }),
      identityFor(host, `${own.login}\n`, { principals: [own.login] }),
      identityFor(host, own.login, { authority: newKeyPair() }),
      identityFor(host, own.login, { validBefore: Math.floor(Date.now() / 1_000) - 5 }),
      identityFor(host, own.login, { sourceAddress: '192.0.2.1' }),
    ];
    for (const one of forged) assert.equal((await sshTo(one, own.login, 'id')).code, 255);
    await Promise.all([revoke(own), revoke(shared)]);
    assert.equal((await sshTo(mine, own.login, 'id')).code, 255);
    assert.equal((await sshTo(theirs, 'deploy', 'id')).code, 255);
    // The host's own list of revoked certificates names both, so that it holds without our program too.
    const listed = host.run('ssh-keygen -Q -l -f /etc/ssh/sallyport/revoked');
    for (const { login } of [own, shared]) assert.match(listed, new RegExp(`id: ${login}$`, 'm'));
  });

  it('a certificate opens no host where its grant is not', async () => {
    const other = await startHost({ authority: host.authority });
    try {
      const plan = await granted({ user: 'deploy', shell: true });
      const identity = identityFor(other, plan.login);
      assert.equal((await sshTo(identity, 'deploy', 'id')).code, 255);
      await revoke(plan);
      // Nor is a host spoken to that shows another key than the pinned one.
      const forged = ssh.connect({
        ...accessTo(other),
        settings: { ...accessTo(other).settings, hostKeys: [host.hostKey] },
      });
      await refusedWith('host-key-changed', ssh.marked(forged, limit()));
      const [item] = await ssh.check(forged, limit(), []);
      assert.deepEqual([item?.status, item?.blocks], ['fail', true]);
      await ssh.disconnect(forged);
    } finally {
      await other.stop();
    }
  });

  it('runs the commands of the task word by word, and nothing beside them', async () => {
    const plan = await granted({ user: 'deploy', commands: ["printf '%s-%s' a b", 'id -un'] });
    const identity = identityFor(host, plan.login);
    assert.equal((await sshTo(identity, 'deploy', "printf '%s-%s' a b")).out, 'a-b');
    assert.equal((await sshTo(identity, 'deploy', 'id -un')).out.trim(), 'deploy');
    for (const tried of [
      'id',
      'id -un; id',
      'id -un\nid',
      'id -un && id',
      'sftp',
      'internal-sftp',
      '',
      'command=id -un',
    ]) {
      const { code, out } = await sshTo(identity, 'deploy', ...(tried === '' ? [] : [tried]));
      assert.deepEqual([tried, code, out], [tried, 126, '']);
    }
    const copied = await runClient(
      'sftp',
      ['-b', '-', ...identity.options.map(forSftp), 'deploy@127.0.0.1'],
      'ls\n',
    );
    assert.notEqual(copied.code, 0);
    await revoke(plan);
  });

  it('copies files where the task says so, and runs nothing then', async () => {
    const plan = await granted({ perGrant: true, sftp: true });
    const identity = identityFor(host, plan.login);
    const batch = `put ${join(identity.folder, 'known_hosts')} there\nls\n`;
    const copied = await runClient(
      'sftp',
      ['-b', '-', ...identity.options.map(forSftp), `${plan.login}@127.0.0.1`],
      batch,
    );
    assert.equal(copied.code, 0, copied.err);
    assert.match(copied.out, /there/);
    assert.equal((await sshTo(identity, plan.login, 'id')).code, 126);
    // What a shell would read at its start is a file like any other.
    writeFileSync(join(identity.folder, 'start'), 'id -un\n');
    const start = ['.bashrc', '.bash_profile', '.profile', '.ssh/rc', '.ssh/environment'];
    const left = await runClient(
      'sftp',
      ['-b', '-', ...identity.options.map(forSftp), `${plan.login}@127.0.0.1`],
      `-mkdir .ssh\n${start.map((name) => `put ${join(identity.folder, 'start')} ${name}\n`).join('')}`,
    );
    assert.equal(left.code, 0, left.err);
    assert.equal((await sshTo(identity, plan.login, 'id')).out, '');
    await revoke(plan);
  });

  it('forwards to the destinations of the task, and neither elsewhere nor back, nor an agent', async () => {
    const [allowed, forbidden] = [await greeter('allowed'), await greeter('forbidden')];
    try {
      const plan = await granted({ perGrant: true, forward: [{ host: '127.0.0.1', port: portOf(allowed) }] });
      const identity = identityFor(host, plan.login, { extensions: ['permit-port-forwarding'] });
      const through = (to: string) =>
        runClient('ssh', [...identity.options, '-W', to, `${plan.login}@127.0.0.1`]);
      assert.equal((await through(`127.0.0.1:${portOf(allowed)}`)).out, 'allowed');
      assert.equal((await through(`127.0.0.1:${portOf(forbidden)}`)).out, '');
      const back = ['-o', 'ExitOnForwardFailure=yes', '-N', '-R', '0:127.0.0.1:22'];
      assert.equal(
        (await runClient('ssh', [...identity.options, ...back, `${plan.login}@127.0.0.1`])).code,
        255,
      );
      const agent = `/home/${plan.login}/agent.socket`;
      host.run(`su ${plan.login} -s /bin/sh -c 'ssh-agent -a ${agent}' >/dev/null 2>&1`);
      assert.match(await agentThrough(identity, plan.login, agent), /communication with agent failed/);
      // Without a grant's limits the same way leads there.
      const unlimited = opensshPrivateKey(keyPairOfSecret(host.admin.password), 'root').reveal();
      writeFileSync(join(identity.folder, 'root'), unlimited, { mode: 0o600 });
      const options = ['-o', `IdentityFile=${join(identity.folder, 'root')}`, ...identity.options];
      assert.match(await agentThrough({ ...identity, options }, 'root', agent), /no identities/);
      await revoke(plan);
      const shell = await granted({ perGrant: true, shell: true });
      const login = identityFor(host, shell.login);
      const words = [...login.options, '-A', `${shell.login}@127.0.0.1`, 'echo "<$SSH_AUTH_SOCK>"'];
      assert.equal((await runClient('ssh-agent', ['ssh', ...words])).out.trim(), '<>');
      const forwarded = await runClient('ssh', [
        ...[...login.options, '-W', `127.0.0.1:${portOf(allowed)}`],
        `${shell.login}@127.0.0.1`,
      ]);
      assert.equal(forwarded.out, '');
      await revoke(shell);
    } finally {
      allowed.close();
      forbidden.close();
    }
  });

  it('sudo runs what the task names, until the end that the host itself knows', async () => {
    const plan = await granted(
      { perGrant: true, shell: true, sudo: { commands: ['/usr/bin/id -u', '/usr/bin/env'] } },
      { nativeExpirySeconds: 3_000 },
    );
    const identity = identityFor(host, plan.login);
    const sudo = async (words: string) => (await sshTo(identity, plan.login, `sudo -n ${words}`)).out.trim();
    assert.equal(await sudo('/usr/bin/id -u'), '0');
    assert.match(await sudo('/usr/bin/env'), /SUDO_USER/);
    for (const words of [
      '/usr/bin/id',
      '/usr/bin/id -u root',
      '/usr/bin/env sh -c id',
      '/bin/sh',
      '-u deploy /usr/bin/id -u',
    ])
      assert.equal(await sudo(words), '');
    // As it is when the end has come and nobody could be asked to revoke: the rule stands there and gives nothing.
    await ssh.renew(client, plan.handle, 1, limit());
    const held = `/etc/sudoers.d/sallyport_${plan.login}`;
    await delay(2_500);
    assert.match(host.run(`cat ${held}`), /NOTAFTER=\d{14}Z /);
    assert.equal(
      host.succeeds(`su ${plan.login} -s /bin/sh -c 'TZ=Pacific/Honolulu sudo -n /usr/bin/id -u'`),
      false,
    );
    assert.equal((await revoke(plan)).observed, 'absent');
    assert.equal(host.succeeds(`test -e ${held}`), false);
  });

  it('ends what a grant started, also as root, also in hiding', async () => {
    const plan = await granted({ perGrant: true, shell: true, sudo: { commands: ['/usr/bin/sleep 1003'] } });
    const shell = await holdShell(identityFor(host, plan.login), plan.login);
    host.run(
      `su ${plan.login} -s /bin/sh -c 'env -i setsid sleep 1001 >/dev/null 2>&1 & sudo -n /usr/bin/sleep 1003 >/dev/null 2>&1 &'`,
    );
    host.run(`su ${plan.login} -s /bin/sh -c 'touch "/tmp/left$(printf "\\033[31m")"'`);
    assert.ok(await eventually(() => host.succeeds("pgrep -f '[s]leep 1001' && pgrep -f '[s]leep 1003'")));
    const report = await revoke(plan);
    assert.equal(report.observed, 'absent');
    assert.ok(report.sessionsEnded >= 1);
    assert.deepEqual(report.leftBehind, ['/tmp/left?[31m']);
    assert.equal(await shell.works(), false);
    await shell.close();
    assert.equal(host.succeeds("pgrep -f '[s]leep 100[13]'"), false);
    for (const left of [`getent passwd ${plan.login}`, `test -e /home/${plan.login}`])
      assert.equal(host.succeeds(left), false);
  });

  it('tells keys that a grant left on a shared account, and ends what it left running there', async () => {
    const [plan, other] = [
      await granted({ user: 'deploy', shell: true }),
      await granted({ user: 'deploy', shell: true }),
    ];
    const identity = identityFor(host, plan.login);
    const beside = await holdShell(identityFor(host, other.login), 'deploy');
    await sshTo(
      identity,
      'deploy',
      'mkdir -p .ssh; echo ssh-ed25519 AAAA mine >.ssh/authorized_keys; setsid sleep 1002 >/dev/null 2>&1 &',
    );
    // A connection that holds no session: nothing of it bears a mark but the connection itself.
    const quiet = runClient('ssh', [...identity.options, '-N', 'deploy@127.0.0.1']);
    assert.ok(
      await eventually(() =>
        host.succeeds(
          `[ "$(ls /run/sallyport/connections/${plan.login} | wc -l)" -ge 1 ] && pgrep -f '[s]leep 1002'`,
        ),
      ),
    );
    const report = await revoke(plan);
    assert.deepEqual([report.observed, report.leftBehind.length], ['absent', 1]);
    assert.match(report.leftBehind[0] ?? '', /keys that log in as deploy/);
    assert.equal((await quiet).code, 255);
    assert.equal(host.succeeds("pgrep -f '[s]leep 1002'"), false);
    assert.equal(await beside.works(), true);
    await beside.close();
    await revoke(other);
  });

  it('tells what somebody changed by hand', async () => {
    const plan = await granted({
      perGrant: true,
      shell: true,
      groups: ['reporters'],
      sudo: { commands: ['/usr/bin/id'] },
    });
    const look = async () =>
      (await ssh.altered(client, [{ ...plan }], limit())).flatMap((one) =>
        one.alterations.map(({ kind }) => kind),
      );
    assert.deepEqual(await look(), []);
    host.run(`usermod -aG adm ${plan.login}`);
    assert.deepEqual(await look(), ['wider']);
    host.run(`sed -i 's,/usr/bin/id "",ALL,' /etc/sudoers.d/sallyport_${plan.login}`);
    assert.deepEqual(await look(), ['wider', 'wider']);
    host.run(`rm /etc/sudoers.d/sallyport_${plan.login}; userdel -f ${plan.login}`);
    assert.equal((await ssh.inspect(client, plan.handle, limit())).observed, 'inert');
    assert.equal((await revoke(plan)).observed, 'absent');
  });

  it('takes text as text', async () => {
    const hostile = `'; touch /pwned; echo "$(touch /pwned)\`touch /pwned\` %s \\`;
    const plan = await granted(
      { user: 'deploy', commands: ["echo $(id) `id` 'x' ; id"] },
      { label: hostile },
    );
    assert.equal(host.succeeds('test -e /pwned'), false);
    assert.ok(host.run(`cat /etc/ssh/sallyport/grants/${plan.login}`).includes(`label=${hostile}`));
    const ran = await sshTo(identityFor(host, plan.login), 'deploy', "echo $(id) `id` 'x' ; id");
    assert.equal(ran.code, 0);
    await revoke(plan);
    await refusedWith('invalid-handle', ssh.revoke(client, { login: 'sp_a; touch /pwned' }, limit()));
    await refusedWith('unknown-account', granted({ user: 'nobody-here', shell: true }));
    for (const wrong of [
      { user: 'root; id', shell: true },
      { user: '-oProxyCommand=id', shell: true },
      { user: 'deploy\u001b[31m', shell: true },
      { user: 'sp_other', shell: true },
      { user: 'deploy', shell: true, perGrant: true },
      { user: 'deploy', commands: ['id\nid'] },
      { user: 'deploy', commands: ['echo "x"'] },
      { user: 'deploy', commands: ['id\\'] },
      { user: 'deploy', shell: true, sudo: { commands: ['/bin/ls'] } },
      { perGrant: true, forward: [{ host: 'db",command="id', port: 1 }] },
      { perGrant: true, shell: true, sudo: { commands: ['ls'] } },
      { perGrant: true, shell: true, sudo: { commands: ['/bin/ls *'] } },
      { perGrant: true, shell: true, sudo: { commands: ['/bin/ls, ALL'] } },
      { perGrant: true, shell: true, sudo: { as: 'root) NOPASSWD: ALL #', commands: ['/bin/ls'] } },
      { perGrant: true, shell: true, groups: ['adm,sudo'] },
      { perGrant: true },
    ])
      assert.equal(entitlement.safeParse(wrong).success, false, JSON.stringify(wrong));
    const { settings } = access;
    for (const wrong of [
      { host: '-oProxyCommand=id' },
      { host: 'a b' },
      { host: 'a\u001b[0m' },
      { hostKeys: [] },
      { hostKeys: ['* ssh-ed25519 AAAA'] },
    ])
      assert.equal(targetSettings.safeParse({ ...settings, ...wrong }).success, false);
  });

  it('the administrator’s key is changed in place, and an account with sudo does as well as root', async () => {
    const next = new Secret('another secret of the administrator');
    const { admin } = access;
    host.run(`useradd -m ops && mkdir -m 700 ~ops/.ssh && cp /root/.ssh/authorized_keys ~ops/.ssh/ && chown -R ops ~ops/.ssh && usermod -p '*' ops
      echo 'ops ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ops`);
    const ops = ssh.connect({ ...access, admin: { ...admin, user: 'ops' } });
    // Another target of ours may be the same host and account, with a key of its own.
    const other = publicLine(newKeyPair().publicKey, `sallyport:${access.mark.installation}`);
    host.run(`echo '${other}' >>~ops/.ssh/authorized_keys`);
    await ssh.setAdminPassword?.(ops, next, limit());
    assert.ok(host.run('cat ~ops/.ssh/authorized_keys').includes(other));
    const [before, now] = [
      ssh.connect({ ...access, admin: { ...admin, user: 'ops' } }),
      ssh.connect({ ...access, admin: { user: 'ops', password: next } }),
    ];
    await refusedWith('target-login-failed', ssh.marked(before, limit()));
    assert.deepEqual(
      (await ssh.check(now, limit(), [])).filter((item) => item.status !== 'ok'),
      [],
    );
    const rows = await ssh.inventory(now, limit());
    assert.equal(rows.find((row) => row.principal === 'ops')?.superuser, true);
    assert.equal(rows.find((row) => row.principal === 'deploy')?.canLogin, true);
    await Promise.all([ops, before, now].map((one) => ssh.disconnect(one)));
  });

  it('a host that is not prepared says what to paste, and what is pasted is enough', async () => {
    const bare = await startHost({ prepared: false });
    const to = accessTo(bare);
    const fresh = ssh.connect(to);
    try {
      const plan = planOf(entitlement.parse({ perGrant: true, shell: true }));
      await refusedWith('host-not-prepared', ssh.grant(fresh, plan, limit()));
      const first = await ssh.check(fresh, limit(), [entitlement.parse({ user: 'web', shell: true })]);
      const fixes = first.filter((item) => item.status === 'fail').map((item) => item.fix ?? '');
      assert.deepEqual(
        first.filter((item) => item.status === 'fail').map((item) => item.name),
        ['prepared', 'sshd', 'tasks'],
      );
      for (const fix of new Set(fixes)) bare.run(fix);
      const wanted = async () => (await ssh.check(fresh, limit(), [])).every((item) => item.status === 'ok');
      assert.ok(await eventually(wanted));
      await ssh.grant(fresh, plan, limit());
      assert.equal((await sshTo(identityFor(bare, plan.login), plan.login, 'id -un')).out.trim(), plan.login);
      const rotated = publicLine(newKeyPair().publicKey);
      const later = ssh.connect({ ...to, authorities: async () => [rotated] });
      assert.deepEqual(
        (await ssh.check(later, limit(), [])).map((item) => item.status).filter((one) => one !== 'ok'),
        ['warn'],
      );
      await ssh.disconnect(later);
      await ssh.revoke(fresh, plan.handle, limit());
    } finally {
      await ssh.disconnect(fresh);
      await bare.stop();
    }
  });
});

const forSftp = (option: string) => (option === '-p' ? '-P' : option);

function greeter(word: string): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => undefined).end(word));
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function eventually(holds: () => boolean | Promise<boolean>): Promise<boolean> {
  for (let looks = 0; looks < 200; looks++) {
    if (await holds()) return true;
    await delay(50);
  }
  return false;
}

/** What an agent on the host says when one asks it by a forwarded socket. */
async function agentThrough(identity: HostIdentity, user: string, agent: string): Promise<string> {
  const local = join(identity.folder, `agent-${user}`);
  const script = `sock=$1; shift; "$@" & client=$!
    for i in $(seq 200); do [ -S "$sock" ] && break; sleep 0.05; done
    SSH_AUTH_SOCK=$sock ssh-add -l 2>&1; kill $client; wait $client`;
  const words = [...identity.options, '-N', '-L', `${local}:${agent}`, `${user}@127.0.0.1`];
  return (await runClient('sh', ['-c', script, 'sh', local, 'ssh', ...words])).out;
}
