// A job's own token against a real server: what is exchanged and for whom, and every way in which a token can be wrong.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { importJWK, type JWTPayload, SignJWT } from 'jose';
import { type MainProcess, runMain } from '../harness/main-process.ts';
import { type RawAnswer, rawHttp } from '../harness/raw-http.ts';
import { runCli } from '../harness/sallyport.ts';
import { startTokenIssuer, type TokenIssuer } from '../harness/token-issuer.ts';

const AUDIENCE = 'https://sally.example';
const GITHUB_JOB = {
  sub: 'repo:octo/shop:environment:production',
  aud: AUDIENCE,
  repository: 'octo/shop',
  repository_id: '4711',
  environment: 'production',
  ref: 'refs/heads/main',
  run_id: '99',
};
const POD = {
  namespace: 'shop',
  serviceaccount: { name: 'migrator', uid: 'b1a5-uid' },
};

let folder: string;
let program: MainProcess;
let issuer: TokenIssuer;
let other: TokenIssuer;
const admin = `sally_${randomBytes(32).toString('base64url')}`;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-workload-'));
  [issuer, other] = await Promise.all([startTokenIssuer(), startTokenIssuer()]);
  const closed = await startTokenIssuer();
  const config = {
    firstAdministrator: {
      name: 'ada',
      displayName: 'Ada',
      tokenHash: createHash('sha256').update(admin).digest('hex'),
    },
    workloadIdentity: {
      issuers: [
        {
          shape: 'github',
          name: 'github',
          issuer: issuer.issuer('github'),
          audience: AUDIENCE,
          rules: [
            { service: 'nobody-yet', claims: { repository_id: '4711', environment: 'staging' } },
            {
              service: 'deploy-bot',
              claims: { repository_id: 4711, environment: 'production', ref: 'refs/heads/main' },
              lifetime: '10m',
            },
          ],
        },
        {
          shape: 'gitlab',
          name: 'gitlab',
          issuer: issuer.issuer('gitlab'),
          audience: AUDIENCE,
          rules: [{ service: 'deploy-bot', claims: { project_id: '7', ref: 'main', ref_protected: true } }],
        },
        {
          shape: 'kubernetes',
          name: 'cluster',
          issuer: issuer.issuer('cluster'),
          audience: AUDIENCE,
          jwks: `${issuer.issuer('cluster')}/keys`,
          rules: [
            {
              service: 'migrator',
              claims: { namespace: 'shop', serviceaccount: 'migrator', uid: 'b1a5-uid' },
              scopes: ['read'],
              addresses: ['127.0.0.0/16'],
            },
          ],
        },
        {
          shape: 'custom',
          name: 'away',
          issuer: closed.issuer('away'),
          audience: AUDIENCE,
          rules: [{ service: 'deploy-bot', claims: { sub: 'x' } }],
        },
        {
          shape: 'custom',
          name: 'flaky',
          issuer: other.issuer('flaky'),
          audience: AUDIENCE,
          rules: [{ service: 'deploy-bot', claims: { sub: 'job' } }],
        },
        {
          shape: 'custom',
          name: 'other',
          issuer: other.issuer('other'),
          audience: AUDIENCE,
          rules: [{ service: 'deploy-bot', claims: { sub: 'job' } }],
        },
      ],
    },
  };
  await closed.close();
  // JSON is YAML.
  writeFileSync(join(folder, 'sallyport.yaml'), JSON.stringify(config));
  program = runMain({ SALLY_CONFIG: join(folder, 'sallyport.yaml') }, folder);
  await program.ready();
  for (const name of ['deploy-bot', 'migrator']) {
    const added = await api(admin, 'POST', '/api/principals', { kind: 'service', name, displayName: name });
    assert.equal(added.status, 201, added.text);
  }
});
after(async () => {
  await program?.[Symbol.asyncDispose]();
  await Promise.all([issuer?.close(), other?.close()]);
  rmSync(folder, { recursive: true, force: true });
});

function api(token: string, method: string, path: string, body?: unknown, from?: string): Promise<RawAnswer> {
  return rawHttp({
    server: program.server(),
    method,
    path,
    body,
    headers: { authorization: `Bearer ${token}` },
    ...(from === undefined ? {} : { from }),
  });
}

let addresses = 0;
/** Failures are counted by address. */
function exchange(subjectToken: string): Promise<RawAnswer> {
  addresses += 1;
  return rawHttp({
    server: program.server(),
    method: 'POST',
    path: '/api/workload/token',
    body: {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: subjectToken,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    },
    from: `127.0.${Math.floor(addresses / 200) + 1}.${(addresses % 200) + 1}`,
  });
}

const job = (changes: Record<string, unknown> = {}) => issuer.sign('github', { ...GITHUB_JOB, ...changes });
const now = () => Math.floor(Date.now() / 1000);

async function refuses(subjectToken: string, status: number, code: string, why: string): Promise<void> {
  const answer = await exchange(subjectToken);
  assert.deepEqual([answer.status, answer.json?.code], [status, code], `${why}: ${answer.text}`);
  assert.equal(answer.text.includes('sally_'), false);
}

describe('what is exchanged', () => {
  test("GitHub's, for the service of its rule, for as long as the rule says, and no more than once", async () => {
    const token = await job();
    const answer = await exchange(token);
    assert.equal(answer.status, 200, answer.text);
    const { access_token, ...rest } = answer.json ?? {};
    assert.deepEqual(rest, {
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: 600,
      scope: 'read request',
      service: 'deploy-bot',
    });
    const me = await api(String(access_token), 'GET', '/api/me');
    assert.deepEqual([me.json?.name, me.json?.kind], ['deploy-bot', 'service']);
    const listed = await api(admin, 'GET', '/api/principals/deploy-bot/tokens');
    const [newest] = (listed.json?.items ?? []) as { name: string; scopes: string[]; expiresAt: string }[];
    assert.deepEqual([newest?.name, newest?.scopes], ['job of github', ['read', 'request']]);
    assert.ok(Date.parse(newest?.expiresAt ?? '') < Date.now() + 601_000);
    await refuses(token, 401, 'workload-token-used', 'the same again');
    const again = await Promise.all(
      Array.from({ length: 2 }, () => job()).map(async (one) => exchange(await one)),
    );
    assert.deepEqual(
      again.map((one) => one.status),
      [200, 200],
    );
  });

  test('at the same time, one token is exchanged once', async () => {
    const token = await job();
    const answers = await Promise.all(Array.from({ length: 10 }, () => exchange(token)));
    assert.equal(answers.filter((one) => one.status === 200).length, 1);
  });

  test("GitLab's with its protected branch", async () => {
    const pipeline = {
      sub: 'project_path:shop',
      aud: AUDIENCE,
      project_id: '7',
      ref: 'main',
      ref_protected: 'true',
    };
    assert.equal((await exchange(await issuer.sign('gitlab', pipeline))).status, 200);
    const unprotected = await issuer.sign('gitlab', { ...pipeline, ref_protected: 'false' });
    await refuses(unprotected, 403, 'workload-no-rule', 'a branch that is not protected');
  });

  test("a pod's, without type and jti, limited as its rule says", async () => {
    const claims = { sub: 'system:serviceaccount:shop:migrator', aud: [AUDIENCE], 'kubernetes.io': POD };
    const token = await issuer.sign('cluster', { ...claims, jti: undefined }, { typ: undefined });
    const answer = await exchange(token);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json?.scope, 'read');
    const pod = String(answer.json?.access_token);
    assert.equal((await api(pod, 'POST', '/api/requests', {})).json?.code, 'token-scope');
    assert.equal((await api(pod, 'GET', '/api/me', undefined, '127.5.0.1')).json?.code, 'token-address');
    await refuses(token, 401, 'workload-token-used', 'the same again');
    const twin = { ...POD, serviceaccount: { ...POD.serviceaccount, uid: 'another' } };
    const recreated = await issuer.sign('cluster', { ...claims, 'kubernetes.io': twin });
    await refuses(recreated, 403, 'workload-no-rule', 'an account of the same name that was made anew');
  });

  test('`sally login --workload` gets it from GitHub, from a variable and from a file', async () => {
    const tokens: string[] = [];
    const runner = createServer((request, response) => {
      const url = new URL(request.url ?? '', 'http://runner');
      const asked =
        request.headers.authorization === 'Bearer of-the-runner' && url.searchParams.get('audience');
      void job({ aud: String(asked) }).then((value) => {
        tokens.push(value);
        response.end(JSON.stringify({ value }));
      });
    });
    await new Promise<void>((resolve) => runner.listen(0, '127.0.0.1', resolve));
    const address = runner.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const login = async (env: Record<string, string>, ...args: string[]) => {
      const HOME = mkdtempSync(join(folder, 'home-'));
      const all = { SALLY_SERVER: program.server(), HOME, ...env };
      const result = await runCli(['login', '--workload', '--json', ...args], all);
      const who = await runCli(['whoami', '--json'], { SALLY_SERVER: program.server(), HOME });
      return { ...result, home: HOME, who: who.code === 0 ? JSON.parse(who.stdout).name : who.code };
    };
    const github = await login(
      {
        ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${port}/token?api-version=2`,
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'of-the-runner',
      },
      '--audience',
      AUDIENCE,
    );
    runner.close();
    assert.deepEqual([github.code, github.who], [0, 'deploy-bot'], github.stderr);
    assert.equal(`${github.stdout}${github.stderr}`.includes(tokens[0] ?? 'none'), false);
    const variable = await login({ SALLY_ID_TOKEN: await job() });
    assert.deepEqual([variable.code, variable.who], [0, 'deploy-bot'], variable.stderr);
    writeFileSync(join(folder, 'token'), `${await job()}\n`);
    const file = await login({}, '--token-file', join(folder, 'token'));
    assert.deepEqual([file.code, file.who], [0, 'deploy-bot'], file.stderr);
    const home = { SALLY_SERVER: program.server(), HOME: file.home };
    const kept = readFileSync(join(file.home, '.config', 'sallyport', 'logins.json'), 'utf8');
    const exchanged = /sally_[A-Za-z0-9_-]{43}/.exec(kept)?.[0] ?? '';
    assert.equal((await api(exchanged, 'GET', '/api/me')).status, 200);
    const out = await runCli(['logout', '--revoke', '--json'], home);
    assert.deepEqual([out.code, JSON.parse(out.stdout).revoked], [0, true], out.stderr);
    assert.equal((await api(exchanged, 'GET', '/api/me')).status, 401, 'revoked, not only forgotten');
    assert.equal((await login({})).code, 2, 'none');
    assert.equal((await login({ SALLY_ID_TOKEN: await job({ repository_id: '1' }) })).code, 4, 'no rule');
  });
});

describe('what is refused', () => {
  test('another time', async () => {
    await refuses(await job({ exp: now() - 11, iat: now() - 300 }), 401, 'workload-token-expired', 'expired');
    for (const [why, times] of Object.entries({
      'not yet': { nbf: now() + 60 },
      'made in the future': { iat: now() + 60, exp: now() + 300 },
      'for two days': { exp: now() + 2 * 86_400 },
      'without end': { exp: undefined },
      'without beginning': { iat: undefined },
      'that ends before it begins': { iat: now() + 5, exp: now() + 2 },
    }))
      await refuses(await job(times), 401, 'workload-token-refused', why);
    assert.equal(
      (await exchange(await job({ exp: now() - 3, iat: now() - 60 }))).status,
      200,
      'clocks differ a little',
    );
  });

  test('another audience, another issuer, another type', async () => {
    for (const [why, claims] of Object.entries({
      'another audience': { aud: 'https://evil.example' },
      'no audience': { aud: undefined },
      'for others too': { aud: [AUDIENCE, 'https://evil.example'] },
      'a longer audience': { aud: `${AUDIENCE}/` },
      'an unknown issuer': { iss: 'https://evil.example' },
      'an issuer with a slash': { iss: `${issuer.issuer('github')}/` },
      'no issuer': { iss: undefined },
      'no subject': { sub: undefined },
    }))
      await refuses(await job(claims), 401, 'workload-token-refused', why);
    for (const typ of ['at+jwt', 'logout+jwt', 'secevent+jwt'])
      await refuses(await issuer.sign('github', GITHUB_JOB, { typ }), 401, 'workload-token-refused', typ);
    const crit = await issuer.sign('github', GITHUB_JOB, { b64: true, crit: ['b64'] });
    assert.equal((await exchange(crit)).status, 200, 'a critical header that is understood');
  });

  test('another key', async () => {
    const claims = { ...GITHUB_JOB, iss: issuer.issuer('github') };
    const wrong: Record<string, string> = {
      "another issuer's key, under its own name": await other.sign('github', claims),
      'a key id that nobody has': await issuer.sign('github', claims, { kid: 'no-such-key' }),
      'an issuer whose token is signed by another': await issuer.sign('other', {
        sub: 'job',
        aud: AUDIENCE,
        iss: other.issuer('other'),
      }),
    };
    for (const [why, token] of Object.entries(wrong))
      await refuses(token, 401, 'workload-token-refused', why);
    const [header = '', payload = '', signature = ''] = (await job()).split('.');
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const forged: Record<string, string> = {
      'no signature': `${header}.${payload}.`,
      'alg none': `${part({ alg: 'none', typ: 'JWT' })}.${payload}.`,
      'alg None with a signature': `${part({ alg: 'None', typ: 'JWT' })}.${payload}.${signature}`,
      'a changed claim': `${header}.${part({ ...claims, iat: now(), exp: now() + 300, repository_id: '1' })}.${signature}`,
      'a cut signature': `${header}.${payload}.${signature.slice(0, -8)}`,
      'its own key in the header': await embedded(claims),
    };
    for (const [why, token] of Object.entries(forged))
      await refuses(token, 401, 'workload-token-refused', why);
  });

  test('a shared secret made of the public key (HS256), in every form that somebody might take for it', async () => {
    const jwk = issuer.publicJwk();
    const { KeyObject } = await import('node:crypto');
    const key = await importJWK(jwk, 'RS256');
    if (key instanceof Uint8Array) throw new Error('no public key');
    const pem = KeyObject.from(key).export({ type: 'spki', format: 'pem' }).toString();
    for (const secret of [pem, pem.trim(), JSON.stringify(jwk), jwk.n ?? '']) {
      const token = await new SignJWT({
        ...GITHUB_JOB,
        iss: issuer.issuer('github'),
        exp: now() + 300,
        iat: now(),
      })
        .setProtectedHeader({ alg: 'HS256', kid: jwk.kid ?? '', typ: 'JWT' })
        .sign(Buffer.from(secret.padEnd(32, ' ')));
      await refuses(token, 401, 'workload-token-refused', secret.slice(0, 20));
    }
  });

  async function embedded(claims: JWTPayload): Promise<string> {
    return other.sign('github', claims, { jwk: other.publicJwk(), jku: `${other.issuer('github')}/keys` });
  }

  test('another job', async () => {
    for (const claims of [
      { repository_id: '4712' },
      { repository_id: ['4711'] },
      { repository_id: undefined },
      { environment: 'production2' },
      { environment: 'Production' },
      { environment: undefined },
      { ref: 'refs/heads/main2' },
      { ref: 'refs/pull/1/merge' },
    ])
      await refuses(await job(claims), 403, 'workload-no-rule', JSON.stringify(claims));
    await refuses(
      await job({ environment: 'staging' }),
      403,
      'workload-no-service',
      'a service that is not there',
    );
    const disabled = await api(admin, 'POST', '/api/principals/migrator/disable', { reason: 'a test' });
    assert.equal(disabled.status, 200);
    const claims = { sub: 's', aud: AUDIENCE, 'kubernetes.io': POD };
    await refuses(await issuer.sign('cluster', claims), 403, 'workload-no-service', 'a disabled service');
  });

  test('what is no token, or too large', async () => {
    for (const text of ['', 'x', 'a.b', 'a.b.c.d', 'é.b.c', ' a.b.c'])
      assert.equal((await exchange(text)).status, 422, text);
    assert.equal((await exchange(`a.${'b'.repeat(17_000)}.c`)).status, 422);
    assert.equal((await exchange(`a.${'b'.repeat(70_000)}.c`)).status, 413);
    await refuses('a.b.c', 401, 'workload-token-refused', 'nonsense');
    await refuses(
      await job({ padding: 'x'.repeat(9_000) }).then((one) => `${one.slice(0, -1)}`),
      401,
      'workload-token-refused',
      'cut',
    );
  });

  test('one whose issuer is away, or breaks: not accepted, and told as such', async () => {
    const away = await issuer.sign('away', { sub: 'x', aud: AUDIENCE });
    const [header = '', , signature = ''] = away.split('.');
    const config = JSON.parse(readFileSync(join(folder, 'sallyport.yaml'), 'utf8'));
    const iss = config.workloadIdentity.issuers[3].issuer;
    const payload = Buffer.from(
      JSON.stringify({ iss, sub: 'x', aud: AUDIENCE, exp: now() + 60, iat: now() }),
    );
    const token = `${header}.${payload.toString('base64url')}.${signature}`;
    await refuses(token, 503, 'issuer-unavailable', 'nobody listens');
    other.fail(500);
    const flaky = await other.sign('flaky', { sub: 'job', aud: AUDIENCE });
    await refuses(flaky, 503, 'issuer-unavailable', 'its keys answer 500');
    other.fail(null);
    const endsAt = Date.now() + 20_000;
    let status = 503;
    while (status === 503 && Date.now() < endsAt) {
      await delay(200);
      status = (await exchange(flaky)).status;
    }
    assert.equal(status, 200, 'what was refused for want of keys is not used up');
  });

  test('who keeps trying is told to stop, and the keys are not asked for each time', async () => {
    const asked = issuer.fetches();
    const statuses: number[] = [];
    for (let i = 0; i < 40; i++) {
      const answer = await rawHttp({
        server: program.server(),
        method: 'POST',
        path: '/api/workload/token',
        body: {
          grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
          subject_token: await issuer.sign('github', GITHUB_JOB, { kid: `guess-${i}` }),
          subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        },
        from: '127.3.3.3',
      });
      statuses.push(answer.status);
    }
    assert.deepEqual([statuses[0], statuses.at(-1)], [401, 429]);
    assert.ok(issuer.fetches() - asked <= 2, `${issuer.fetches() - asked} fetches`);
  });
});

test('the log says who became whom, from which job, and what was refused, once a minute', async () => {
  const answer = await api(admin, 'GET', '/api/audit/entries?limit=200');
  const items = (answer.json?.items ?? []) as { leaf?: Entry }[];
  const leaves = items.map((one) => one.leaf ?? (one as Entry));
  const exchanged = leaves.find((one) => one.kind === 'workload.exchanged' && one.detail.issuer === 'github');
  assert.equal(exchanged?.actor.name, 'deploy-bot');
  assert.deepEqual([exchanged?.detail.job?.repository_id, exchanged?.detail.job?.run_id], ['4711', '99']);
  assert.ok(leaves.some((one) => one.kind === 'token.issued' && one.actor.name === 'deploy-bot'));
  const refused = leaves.filter((one) => one.kind === 'workload.refused');
  const keys = refused.map((one) => `${one.detail.issuer} ${one.detail.code}`);
  assert.ok(keys.includes('github workload-token-used'), keys.join());
  assert.equal(new Set(keys).size, keys.length, 'each reason once');
});

interface Entry {
  kind: string;
  actor: { name: string };
  detail: { issuer?: string; code?: string; job?: Record<string, string> };
}
