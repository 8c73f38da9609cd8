import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Failure } from './base/errors.ts';
import { loadConfig } from './config.ts';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-config-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

const refusal = (env: NodeJS.ProcessEnv, named: RegExp) =>
  assert.throws(
    () => loadConfig(env, folder),
    (error) => error instanceof Failure && error.code === 'config-invalid' && named.test(error.message),
  );

test('without anything it is the demo, on loopback', () => {
  const config = loadConfig({}, folder);
  assert.equal(config.mode, 'demo');
  assert.deepEqual(
    [config.http, config.postgresGateway],
    [
      { host: '127.0.0.1', port: 7070, trustedProxies: [] },
      { host: '127.0.0.1', port: 7071, publicAddress: null, tls: null },
    ],
  );
});

test('DATABASE_URL alone keeps the demo and stands above the file', () => {
  const url = 'postgres://store.example/sallyport';
  assert.deepEqual(
    [loadConfig({ DATABASE_URL: url }, folder).mode, loadConfig({ DATABASE_URL: url }, folder).databaseUrl],
    ['demo', url],
  );
  const file = join(folder, 'embedded.yaml');
  writeFileSync(file, 'database: embedded\n');
  const own = loadConfig({ DATABASE_URL: url, SALLY_CONFIG: file }, folder);
  assert.deepEqual([own.mode, own.databaseUrl], ['own', url]);
});

test('a wrong value names the variable or key', () => {
  refusal({ SALLY_HTTP_PORT: '70000' }, /SALLY_HTTP_PORT/);
  refusal({ DATABASE_URL: 'mysql://x' }, /DATABASE_URL/);
  refusal({ SALLY_CONFIG: 'missing.yaml' }, /missing\.yaml/);
  const file = join(folder, 'wrong.yaml');
  writeFileSync(file, 'gateway: {}\n');
  refusal({ SALLY_CONFIG: file }, /gateway/);
});

test('beyond this machine, plain HTTP is refused unless TLS stands in front', () => {
  const file = join(folder, 'open.yaml');
  writeFileSync(file, 'http: { host: 0.0.0.0 }\n');
  refusal({ SALLY_CONFIG: file }, /tlsInFront/);
  writeFileSync(file, 'http: { host: 0.0.0.0, tlsInFront: true }\n');
  assert.equal(loadConfig({ SALLY_CONFIG: file }, folder).http.host, '0.0.0.0');
});

test('trusted proxies are networks', () => {
  const file = join(folder, 'proxies.yaml');
  writeFileSync(file, 'http: { trustedProxies: [10.0.0.0/8, "fd00::/8"] }\n');
  assert.deepEqual(loadConfig({ SALLY_CONFIG: file }, folder).http.trustedProxies, [
    '10.0.0.0/8',
    'fd00::/8',
  ]);
  writeFileSync(file, 'http: { trustedProxies: [10.1.2.3/8] }\n');
  refusal({ SALLY_CONFIG: file }, /http\.trustedProxies\.0.*10\.1\.2\.3\/8/);
  for (const everybody of ['0.0.0.0/0', '::/0']) {
    writeFileSync(file, `http: { trustedProxies: ["${everybody}"] }\n`);
    refusal({ SALLY_CONFIG: file }, /trustedProxies.*Everybody/);
  }
});

test('a provider: its secret from elsewhere, https, and nothing that is not known', () => {
  const file = join(folder, 'oidc.yaml');
  const yaml = (more: string, http = 'https://sally.example') =>
    writeFileSync(
      file,
      `http: { publicUrl: "${http}" }\nsignIn: { oidc: { name: ID, clientId: me, ${more} } }\n`,
    );
  const env = { SALLY_CONFIG: file, OIDC_SECRET: 'a secret' };
  yaml('issuer: "https://id.example", clientSecret: "env:OIDC_SECRET"');
  const config = loadConfig(env, folder);
  assert.equal(config.publicUrl, 'https://sally.example');
  assert.equal(config.signIn.oidc?.clientSecret?.reveal(), 'a secret');
  assert.deepEqual(config.signIn.oidc?.scopes, ['openid', 'profile']);
  assert.deepEqual(
    [config.signIn.oidc?.unknownPeople, config.signIn.oidc?.claims.login],
    ['refuse', 'preferred_username'],
  );
  writeFileSync(join(folder, 'secret'), 'of a file\n');
  yaml('issuer: "https://id.example", clientSecret: "file:secret"');
  assert.equal(loadConfig(env, folder).signIn.oidc?.clientSecret?.reveal(), 'of a file');
  for (const [more, named] of [
    ['issuer: "http://id.example"', /https/],
    ['issuer: "https://id.example", clientSecret: "in clear"', /clientSecret/],
    ['issuer: "https://id.example", clientSecret: "env:NOT_SET"', /NOT_SET/],
    ['issuer: "https://id.example", clientSecret: "file:missing"', /missing/],
    ['issuer: "https://id.example", groups: { theirs: "Not Ours" }', /groups/],
    ['issuer: "https://id.example", matchBy: email', /matchBy|Unrecognized/],
  ] as const) {
    yaml(more);
    refusal(env, named);
  }
  yaml('issuer: "https://id.example"', 'http://sally.example');
  refusal(env, /publicUrl/);
  yaml('issuer: "https://id.example"', 'https://sally.example/portal');
  refusal(env, /publicUrl/);
});

test('a rule for jobs names what cannot be renamed or taken over', () => {
  const file = join(folder, 'workload.yaml');
  const issuer = (shape: string, claims: object, more: object = {}) => {
    const rule = { service: 'deploy-bot', claims };
    const one = {
      shape,
      name: 'ci',
      issuer: 'https://ci.example',
      audience: 'sally',
      rules: [rule],
      ...more,
    };
    // JSON is YAML.
    writeFileSync(file, JSON.stringify({ workloadIdentity: { issuers: [one] } }));
  };
  const accepts = (shape: string, claims: object, more: object = {}) => {
    issuer(shape, claims, more);
    return loadConfig({ SALLY_CONFIG: file }, folder).workloadIdentity.issuers[0];
  };
  const refuses = (shape: string, claims: object, named: RegExp, more: object = {}) => {
    issuer(shape, claims, more);
    refusal({ SALLY_CONFIG: file }, named);
  };
  const pod = { namespace: 'a', serviceaccount: 'b', uid: 'c' };
  const github = accepts('github', { repository_id: 4711, environment: 'production' });
  assert.deepEqual(github?.rules[0], {
    service: 'deploy-bot',
    claims: { repository_id: '4711', environment: 'production' },
    scopes: ['read', 'request'],
    lifetime: 1800,
  });
  assert.deepEqual(github?.algorithms, ['RS256']);
  refuses('github', { repository: 'octo/shop', environment: 'production' }, /repository_id/);
  refuses('github', { repository_id: 'octo/shop', ref: 'x' }, /repository_id.*number/);
  refuses('github', { repository_id: 1, repository: 'octo/shop', ref: 'x' }, /repository/);
  refuses('github', { repository_id: 1 }, /environment, ref/);
  refuses('github', { repository_id: 1, sub: 'repo:octo/shop:ref:x' }, /sub/);
  refuses('gitlab', { project_path: 'shop', ref: 'main' }, /project_id/);
  refuses('gitlab', { project_id: 1 }, /environment, ref/);
  accepts('kubernetes', pod);
  for (const missing of Object.keys(pod)) refuses('kubernetes', { ...pod, [missing]: undefined }, /claims/);
  refuses('custom', { email: 'a@b.example' }, /sub/);
  refuses('custom', { sub: { a: 1 } }, /sub/);
  const sub = { sub: 'job' };
  accepts('custom', sub, { algorithms: ['ES256', 'EdDSA'] });
  for (const algorithm of ['none', 'HS256', 'RSA-OAEP'])
    refuses('custom', sub, /algorithms/, { algorithms: [algorithm] });
  for (const url of [
    'http://ci.example',
    'ftp://ci.example',
    'https://user:pw@ci.example',
    'https://ci.example?x',
  ])
    refuses('custom', sub, /issuer/, { issuer: url });
  for (const audience of ['', undefined]) refuses('custom', sub, /audience/, { audience });
  refuses('custom', sub, /lifetime.*1h/, {
    rules: [{ service: 'a', claims: sub, lifetime: '61m' }],
  });
  refuses('custom', sub, /scopes/, { rules: [{ service: 'a', claims: sub, scopes: ['administer'] }] });
});

test('recordings: how long they are kept, and the floor', () => {
  const file = join(folder, 'recordings.yaml');
  const kept = (text: string) => {
    writeFileSync(file, text);
    return loadConfig({ SALLY_CONFIG: file }, folder).recordings;
  };
  assert.deepEqual(kept('{}'), { keepSeconds: null, keepAtLeastSeconds: null, store: null });
  assert.deepEqual(kept('recordings: { keep: forever, keepAtLeast: 30d }'), {
    ...{ keepSeconds: null, keepAtLeastSeconds: 30 * 86_400, store: null },
  });
  assert.equal(kept('recordings: { keep: 365d }').keepSeconds, 365 * 86_400);
  for (const [text, named] of [
    ['recordings: { keep: 1y }', /recordings\.keep: .*not a duration/],
    ['recordings: { keepAtLeast: forever }', /recordings\.keepAtLeast: .*not a duration/],
    [
      'recordings: { keep: 1d, keepAtLeast: 30d }',
      /recordings\.keep is 1d, which is shorter than recordings\.keepAtLeast, 30d/,
    ],
  ] as const) {
    writeFileSync(file, `${text}\n`);
    refusal({ SALLY_CONFIG: file }, named);
  }
});

test('recordings in a bucket: what is missing, misplaced or no secret is named', () => {
  const file = join(folder, 'bucket.yaml');
  const whole = {
    ...{ store: 's3', endpoint: 'https://s3.example.com', bucket: 'recordings', prefix: 'eu/' },
    ...{ accessKey: 'env:STORE_KEY', secretKey: 'env:STORE_SECRET' },
  };
  const env = { SALLY_CONFIG: file, STORE_KEY: 'key', STORE_SECRET: 'canary-of-the-store' };
  const write = (change: Record<string, unknown>) =>
    writeFileSync(file, JSON.stringify({ recordings: { ...whole, ...change } }));
  write({});
  const { store } = loadConfig(env, folder).recordings;
  assert.deepEqual(
    [store?.endpoint, store?.region, store?.prefix],
    ['https://s3.example.com', 'us-east-1', 'eu/'],
  );
  assert.equal(store?.secretKey.reveal(), 'canary-of-the-store');
  assert.equal(JSON.stringify(loadConfig(env, folder)).includes('canary-of-the-store'), false);
  for (const [change, named] of [
    [{ endpoint: undefined }, /recordings\.endpoint is missing/],
    [{ endpoint: 'http://s3.example.com' }, /recordings\.endpoint: It must start with https/],
    [{ endpoint: 'https://s3.example.com/bucket' }, /recordings\.endpoint: Only scheme, name and port/],
    [{ bucket: 'Upper_Case' }, /recordings\.bucket: A bucket/],
    [{ prefix: '../' }, /recordings\.prefix: Folders that end with a slash/],
    [{ secretKey: 'canary-of-the-store' }, /recordings\.secretKey: Write "env:NAME" or "file:\/path"/],
    [{ secretKey: 'env:NOT_SET' }, /recordings\.secretKey reads NOT_SET, which holds nothing/],
    [{ store: 'disk' }, /recordings\.endpoint needs recordings\.store: s3/],
  ] as const) {
    write(change);
    refusal(env, named);
  }
});
