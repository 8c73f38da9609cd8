// `sally init`: the file is what the server reads, the token fits its hash, and nothing is ever overwritten.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createSally, type Sally } from '../../../test/harness/cli.ts';
import { loadConfig } from '../../config.ts';

let sally: Sally;
before(() => {
  sally = createSally({});
});
after(() => sally.remove());

const INIT = ['init', '--admin', 'ada', '--display-name', "Ada: 'the first' #1", '--no-input', '--json'];

test('the written file loads as this installation, with the hash of the token that was shown', async () => {
  const ended = await sally.run([
    ...INIT,
    '--data',
    'data',
    '--http-port',
    '7171',
    '--pg-port',
    '7172',
    '--name',
    'orders team',
  ]);
  assert.equal(ended.code, 0, ended.stderr);
  const told = JSON.parse(ended.stdout);
  const file = join(sally.home, 'sallyport.yaml');
  assert.equal(told.config, file);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.doesNotMatch(readFileSync(file, 'utf8'), new RegExp(told.token));
  const config = loadConfig({}, sally.home);
  assert.equal(config.mode, 'own');
  assert.deepEqual(config.http, { host: '127.0.0.1', port: 7171, trustedProxies: [] });
  assert.deepEqual(config.postgresGateway, {
    host: '127.0.0.1',
    port: 7172,
    publicAddress: null,
    tls: null,
  });
  assert.equal(config.dataFolder, join(sally.home, 'data'));
  assert.equal(config.databaseUrl, null);
  assert.equal(config.installationName, 'orders team');
  assert.match(told.token, /^sally_[A-Za-z0-9_-]{43}$/);
  assert.deepEqual(config.firstAdministrator, {
    name: 'ada',
    displayName: "Ada: 'the first' #1",
    tokenHash: createHash('sha256').update(told.token).digest('hex'),
  });
  const logins = JSON.parse(readFileSync(join(sally.home, '.config', 'sallyport', 'logins.json'), 'utf8'));
  assert.equal(logins.logins['http://127.0.0.1:7171'].token, told.token);
});

test('a file that is there stays as it is', async () => {
  const file = join(sally.home, 'sallyport.yaml');
  const before = readFileSync(file, 'utf8');
  const ended = await sally.run(INIT);
  assert.equal(ended.code, 1);
  assert.equal(JSON.parse(ended.stderr).code, 'already-there');
  assert.equal(readFileSync(file, 'utf8'), before);
});

test('it takes SALLY_CONFIG and an own database by the name of its variable, never by its URL', async () => {
  const file = join(sally.home, 'etc', 'own.yaml');
  const env = { SALLY_CONFIG: file };
  const url = await sally.run([...INIT, '--database', 'postgres://u:p@db/sally'], { env });
  assert.equal(url.code, 2);
  const ended = await sally.run([...INIT, '--database', 'env:STORE_URL'], { env });
  assert.equal(ended.code, 0, ended.stderr);
  const config = loadConfig({ SALLY_CONFIG: file, STORE_URL: 'postgres://db/sally' }, sally.home);
  assert.equal(config.databaseUrl, 'postgres://db/sally');
});

test("it never takes the demo's folder, and refuses what cannot be", async () => {
  const demo = join(sally.home, 'demo');
  mkdirSync(demo);
  writeFileSync(join(demo, 'demo.json'), '{}');
  const config = ['--config', 'other.yaml'];
  assert.equal((await sally.run([...INIT, ...config, '--data', demo])).code, 2);
  assert.equal((await sally.run([...INIT, ...config, '--http-port', '70000'])).code, 2);
  assert.equal((await sally.run([...INIT, ...config, '--http-port', '7071'])).code, 2);
  assert.equal((await sally.run(['init', ...config, '--admin', 'Ada L', '--no-input'])).code, 2);
});
