// A host from the first `target add` to the last certificate: prepared by what a check prints, logged in to with
// `sally ssh` and with certificates for keys of one's own, and closed when the grant is over, whoever keeps what.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { auditEntry } from '../../src/api/audit.ts';
import { type Grant, grant as grantSchema, issuedCredential } from '../../src/api/grants.ts';
import { hostKeys, type IssuedCertificate, issuedCertificate } from '../../src/api/hosts.ts';
import { submitted } from '../../src/api/requests.ts';
import { sessionDetail, session as sessionSchema } from '../../src/api/sessions.ts';
import { checkReport, task as taskSchema } from '../../src/api/targets.ts';
import { pageOf } from '../../src/api/text.ts';
import { newKeyPair, opensshPrivateKey, publicLine } from '../../src/ssh/keys.ts';
import { startChromium } from '../harness/browser.ts';
import { skipWithoutHost, startHost, type TestHost } from '../harness/host.ts';
import {
  gatewayLogin,
  type HostIdentity,
  identityFor,
  type Ran,
  runClient,
  sshTo,
} from '../harness/host-login.ts';
import {
  type Person,
  policiesInForce,
  publishPolicies,
  type Sallyport,
  startSallyport,
} from '../harness/sallyport.ts';

const POLICY = `@id("web")
@description("Engineers work on web hosts at once.")
@owner("web")
@maxDuration("1h")
permit (principal in Group::"engineering", action in [Action::"request", Action::"autoApprove", Action::"connect"],
  resource in Segment::"prod/web") when { context.task == Task::"web-shell" || context.task == Task::"web-status" };

@id("web-recorded")
@description("What is done as root on web hosts is recorded.")
@owner("web")
@maxDuration("1h")
@record("required")
permit (principal in Group::"engineering", action in [Action::"request", Action::"autoApprove", Action::"connect"],
  resource in Segment::"prod/web") when { context.task == Task::"web-root" };

@id("web-metered")
@description("What is read as deploy on web hosts is limited.")
@owner("web")
@maxDuration("1h")
@maxBytes("1MB")
permit (principal in Group::"engineering", action in [Action::"request", Action::"autoApprove", Action::"connect"],
  resource in Segment::"prod/web") when { context.task == Task::"web-metered" };
`;
const TASKS = {
  'web-shell': { perGrant: true, shell: true },
  'web-status': { user: 'deploy', commands: ['id -un', 'uptime'] },
  'web-root': { perGrant: true, shell: true, sudo: { commands: ['/usr/bin/id'] } },
  'web-metered': { user: 'deploy', shell: true },
};

let sallyport: Sallyport;
let host: TestHost;

async function granted(task: keyof typeof TASKS, person: Person = 'engineer'): Promise<Grant> {
  const body = { target: 'web-1', task, duration: '10m', reason: 'a test of hosts' };
  const { grant } = await sallyport.ask(person, 'POST', '/api/requests?wait=20', submitted, body);
  assert.ok(grant?.state === 'active', JSON.stringify(grant));
  return grant;
}

/** A certificate for a key of our own, and how ssh uses it. */
async function certified(grant: Grant): Promise<{ issued: IssuedCertificate; identity: HostIdentity }> {
  const pair = newKeyPair();
  const body = { publicKey: publicLine(pair.publicKey, 'me@laptop') };
  const path = `/api/grants/${grant.id}/certificates`;
  const issued = await sallyport.ask('engineer', 'POST', path, issuedCertificate, body);
  const identity = identityFor(host, issued.keyId);
  writeFileSync(join(identity.folder, 'key'), opensshPrivateKey(pair, '').reveal());
  writeFileSync(join(identity.folder, 'key-cert.pub'), `${issued.certificate}\n`);
  return { issued, identity };
}

/** How one runs a command with the grant's secret, through the gateway. */
async function throughGateway(grant: Grant): Promise<(words: string) => Promise<Ran>> {
  const path = `/api/grants/${grant.id}/credentials`;
  const issued = await sallyport.ask('engineer', 'POST', path, issuedCredential);
  const { options, env, port, at } = gatewayLogin(identityFor(host, grant.login).folder, issued);
  return (words) => runClient('ssh', [...options, '-p', port, at, words], '', env);
}

async function over(grant: Grant): Promise<void> {
  await sallyport.ask('engineer', 'POST', `/api/grants/${grant.id}/done`, grantSchema);
  for (let looks = 0; looks < 300; looks++) {
    const now = await sallyport.ask('engineer', 'GET', `/api/grants/${grant.id}`, grantSchema);
    if (now.state === 'revoked') return;
    await delay(100);
  }
  assert.fail('the grant was not revoked within 30 s');
}

const codeOf = (answer: { body: unknown }) => (answer.body as { code?: string }).code;

describe('hosts', { skip: skipWithoutHost() }, () => {
  before(async () => {
    // One after the other: should one fail, the other is there to be ended.
    sallyport = await startSallyport();
    host = await startHost({ prepared: false });
    for (const [name, entitlement] of Object.entries(TASKS))
      await sallyport.ask('admin', 'POST', '/api/tasks', taskSchema, {
        ...{ name, kind: 'ssh', description: name, segment: 'prod/web', entitlement },
      });
    await publishPolicies(sallyport, { ...(await policiesInForce(sallyport)), 'web.cedar': POLICY });
  });
  after(async () => {
    await sallyport?.[Symbol.asyncDispose]();
    await host?.stop();
  });

  test('a host is added once its key has been compared, prepared by what the check prints, and then whole', async () => {
    const where = ['--host', '127.0.0.1', '--port', String(host.port)];
    const add = (...more: string[]) =>
      sallyport.cli(
        'admin',
        ...['target', 'add', 'web-1', '--kind', 'ssh', '--segment', 'prod/web', '--environment', 'prod'],
        ...[...where, ...more, '--json'],
      );
    const unseen = await add();
    assert.equal(unseen.code, 2, unseen.stderr);
    const other = await add('--host-key', 'SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA');
    assert.match(other.stderr, /host-key-differs|does not show the key/);
    const at = { host: '127.0.0.1', port: host.port };
    const shown = await sallyport.ask('admin', 'POST', '/api/host-keys', hostKeys, at);
    assert.deepEqual(
      shown.items.map((item) => item.key),
      [host.hostKey],
    );
    assert.equal((await sallyport.call('engineer', 'POST', '/api/host-keys', at)).status, 403);
    const added = await add('--host-key', shown.items[0]?.fingerprint ?? '');
    // It does not let us in yet: what to paste on it comes with the answer.
    assert.equal(added.code, 1, added.stderr);
    const { check } = JSON.parse(added.stdout) as { check: { items: { fix?: string }[] } };
    host.run(check.items[0]?.fix ?? 'false');
    let report = checkReport.parse({ ok: false, items: [], checkedAt: new Date().toISOString() });
    for (let looks = 0; looks < 50 && !report.ok; looks++) {
      report = await sallyport.ask('admin', 'POST', '/api/targets/web-1/check', checkReport);
      await delay(100);
    }
    assert.deepEqual(
      report.items.filter((item) => item.status !== 'ok').map((item) => item.name),
      ['shared accounts'],
    );
    const { stdout } = await sallyport.cli('engineer', 'host', 'ca');
    const trusted = host.run('cat /etc/ssh/sallyport/authorities.pub').trim().split('\n');
    for (const line of trusted) assert.ok(stdout.includes(line));
    assert.match(stdout, /TrustedUserCAKeys/);
  });

  test('sally ssh asks, waits, logs in, and gives back; of its key nothing stays', async () => {
    const ran = await sallyport.cli(
      'engineer',
      ...[
        'ssh',
        'web-1',
        '--task',
        'web-shell',
        '--reason',
        'look',
        '--done',
        '--',
        'id',
        '-un;',
        'exit',
        '7',
      ],
    );
    assert.equal(ran.code, 7, ran.stderr);
    const login = ran.stdout.trim();
    assert.match(login, /^sp_[0-9a-z]{26}$/);
    assert.equal(host.succeeds(`getent passwd ${login}`), false);
    const refused = await sallyport.cli(
      'engineer',
      ...['ssh', 'web-1', '--task', 'web-status', '--reason', 'look', '--done', '--', 'cat', '/etc/shadow'],
    );
    assert.deepEqual([refused.code, refused.stdout], [126, '']);
    assert.match(refused.stderr, /Its commands:\n {2}id -un\n {2}uptime/);
  });

  test('a certificate is what the grant is, is in the log, and opens nothing when the grant is over', async () => {
    const grant = await granted('web-status');
    const { issued, identity } = await certified(grant);
    assert.deepEqual([issued.user, issued.host, issued.port], ['deploy', '127.0.0.1', host.port]);
    assert.deepEqual(issued.hostKeys, [host.hostKey]);
    assert.ok(grant.expiresAt !== null && issued.validUntil <= grant.expiresAt);
    assert.equal((await sshTo(identity, 'deploy', 'id -un')).out.trim(), 'deploy');
    assert.equal((await sshTo(identity, 'root', 'id -un')).code, 255);
    const { items } = await sallyport.ask(
      'auditor',
      'GET',
      `/api/audit/entries?grant=${grant.id}`,
      pageOf(auditEntry),
    );
    const entry = items.find((item) => item.leaf.kind === 'certificate.issued');
    assert.deepEqual(
      [entry?.leaf.detail.serial, entry?.leaf.detail.keyId, entry?.leaf.actor.name],
      [issued.serial, grant.login, 'engineer'],
    );
    // What the log says of it is what OpenSSH reads in it.
    const read = await runClient('ssh-keygen', ['-L', '-f', join(identity.folder, 'key-cert.pub')]);
    const field = (name: string) => new RegExp(`^ +${name}:? (.*)$`, 'm').exec(read.out)?.[1]?.trim() ?? '';
    const detail: Record<string, unknown> = entry?.leaf.detail ?? {};
    assert.equal(field('Serial'), detail.serial);
    assert.equal(field('Key ID'), `"${detail.keyId}"`);
    assert.ok(field('Signing CA').includes(String(detail.authority)), read.out);
    assert.ok(field('Public key').includes(String(detail.key)), read.out);
    assert.match(
      read.out,
      new RegExp(`Principals: \\n +${(detail.principals as string[]).join('\\n +')}\\n`),
    );
    const [, from = '', until = ''] = /from (\S+) to (\S+)/.exec(field('Valid')) ?? [];
    const local = (iso: unknown) => Date.parse(String(iso));
    assert.deepEqual(
      [Date.parse(from), Date.parse(until)],
      [local(detail.validFrom), local(detail.validUntil)],
    );
    assert.equal(detail.validUntil, issued.validUntil);
    assert.equal(detail.holder, 'person');
    // Nobody else's grant, and no grant on something else.
    const key = { publicKey: publicLine(newKeyPair().publicKey) };
    assert.equal(
      (await sallyport.call('approver', 'POST', `/api/grants/${grant.id}/certificates`, key)).status,
      404,
    );
    const orders = { target: 'orders-db', task: 'read-orders', duration: '5m', reason: 'a test' };
    const other = await sallyport.ask('engineer', 'POST', '/api/requests?wait=20', submitted, orders);
    const wrong = await sallyport.call(
      'engineer',
      'POST',
      `/api/grants/${other.grant?.id}/certificates`,
      key,
    );
    assert.equal(codeOf(wrong), 'not-a-host');
    await over(grant);
    assert.equal((await sshTo(identity, 'deploy', 'id -un')).code, 255);
    assert.match(
      host.run('ssh-keygen -Q -l -f /etc/ssh/sallyport/revoked'),
      new RegExp(`id: ${grant.login}`),
    );
    const late = await sallyport.call('engineer', 'POST', `/api/grants/${grant.id}/certificates`, key);
    assert.equal(late.status, 409);
  });

  test('where policy wants a recording or a budget there is no certificate, and the answer says where to go', async () => {
    const [grant, metered] = [await granted('web-root'), await granted('web-metered')];
    const key = { publicKey: publicLine(newKeyPair().publicKey) };
    for (const { id } of [grant, metered]) {
      const answer = await sallyport.call('engineer', 'POST', `/api/grants/${id}/certificates`, key);
      assert.deepEqual([answer.status, codeOf(answer)], [403, 'gateway-only']);
    }
    await over(metered);
    const ran = await sallyport.cli('engineer', 'ssh', 'web-1', '--task', 'web-root', '--', 'id');
    assert.equal(ran.code, 4);
    assert.match(ran.stderr, /sally connect web-1/);
    await over(grant);
  });

  test('through the gateway: the same host, the same limits, and on the record', async () => {
    for (const [task, words, said] of [
      ['web-root', 'sudo -n /usr/bin/id', /^uid=0\(root\)/],
      ['web-status', 'id -un', /^deploy$/],
    ] as const) {
      const grant = await granted(task);
      const through = await throughGateway(grant);
      const ran = await through(words);
      assert.match(ran.out.trim(), said, ran.err);
      assert.notEqual((await through('cat /etc/shadow')).code, 0);
      const listed = await sallyport.ask(
        'auditor',
        'GET',
        `/api/sessions?grant=${grant.id}`,
        pageOf(sessionSchema),
      );
      assert.ok(listed.items.some((one) => one.grantId === grant.id));
      // Of each session the gateway's own certificate is in the log, with the session that it was for.
      const path = `/api/audit/entries?grant=${grant.id}&kind=certificate.issued`;
      const { items } = await sallyport.ask('auditor', 'GET', path, pageOf(auditEntry));
      const own = items.map(({ leaf }) => leaf).filter(({ detail }) => detail.holder === 'gateway');
      assert.deepEqual(own.map((leaf) => leaf.sessionId).sort(), listed.items.map((one) => one.id).sort());
      assert.equal(new Set(own.map(({ detail }) => detail.serial)).size, own.length);
      for (const { at, detail } of own) {
        assert.deepEqual([detail.keyId, detail.principals], [grant.login, [grant.login]]);
        const lives = Date.parse(String(detail.validUntil)) - Date.parse(at);
        assert.ok(lives > 0 && lives <= 125_000, `it lives for ${lives} ms`);
      }
      await over(grant);
      assert.equal((await through(words)).code, 255);
    }
  });

  test('sally connect goes through the gateway, also where policy wants that; what was done is listed and played', async () => {
    const words = ['printf', "'caf\\303\\251\\n';", 'id', '-un;', 'exit', '7'];
    const ran = await sallyport.cli(
      'engineer',
      ...['connect', 'web-1', '--task', 'web-root', '--reason', 'look', '--done', '--', ...words],
    );
    assert.equal(ran.code, 7, ran.stderr);
    assert.match(ran.stdout, /^café\nsp_[0-9a-z]{26}\n$/);
    const [session] = (await sallyport.ask('engineer', 'GET', '/api/sessions', pageOf(sessionSchema))).items;
    assert.ok(session !== undefined);
    const shown = await sallyport.cli('auditor', 'session', session.id, '--json');
    const { recording, statementList } = sessionDetail.parse(JSON.parse(shown.stdout));
    assert.deepEqual([recording.state, recording.intact], ['closed', true]);
    assert.deepEqual(
      statementList.map(({ protocol, text, exit }) => [protocol, text, exit]),
      [['exec', words.join(' '), 7]],
    );
    const cast = await sallyport.cli('auditor', 'session', session.id, '--cast');
    assert.match(cast.stdout, /^\{"version":2.*\n\[[\d.]+,"o","café/);
    const foreign = await sallyport.cli('second-approver', 'session', session.id, '--cast');
    assert.equal(foreign.stdout, '');
    await using chromium = await startChromium(sallyport.server());
    const page = await chromium.visit();
    await page.goto('/');
    await page.getByRole('button', { name: 'Sign in as auditor', exact: true }).click();
    await page.getByRole('navigation').first().waitFor();
    await page.goto(`/sessions/${session.id}`);
    await page.locator('.ap-player').getByText('café').first().waitFor();
    await page.getByLabel('Search the screen').fill('CAFÉ');
    await page.getByRole('list', { name: 'Moments' }).getByText('café').click();
    await chromium.settle();
  });

  test('another authority signs for new grants; what lives goes on, and then the old one is trusted no more', async () => {
    const before = await granted('web-shell');
    const rotated = await sallyport.cli('admin', 'keys', 'rotate', 'host-authority');
    assert.equal(rotated.code, 0, rotated.stderr);
    const behind = await certified(before);
    assert.equal((await sshTo(behind.identity, before.login, 'id -un')).out.trim(), before.login);
    const next = await granted('web-shell');
    const both = () => host.run('wc -l </etc/ssh/sallyport/authorities.pub').trim();
    assert.equal(both(), '2');
    for (const grant of [before, next]) {
      const { identity } = await certified(grant);
      assert.equal((await sshTo(identity, grant.login, 'id -un')).out.trim(), grant.login);
    }
    await over(before);
    const last = await granted('web-shell');
    assert.equal(both(), '1');
    const { identity } = await certified(last);
    assert.equal((await sshTo(identity, last.login, 'id -un')).out.trim(), last.login);
    await over(next);
    await over(last);
  });
});
