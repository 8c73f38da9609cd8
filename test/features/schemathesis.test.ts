// The OpenAPI document against schemathesis: whatever the document lets somebody send, the server answers with what the
// document names, and never with an error of its own. As an administrator, and as a directory on its own routes.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { issuedToken } from '../../src/api/people.ts';
import { joinGroups, type Sallyport, startSallyport } from '../harness/sallyport.ts';
import { services, skipWithout } from '../harness/services.ts';

const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
].join(',');
/** Of each operation; more find nothing new and take their time. */
const EXAMPLES = '10';
const LIMIT_MS = 240_000;

/**
 * Streams never end; a target that is made up would be dialled wherever it is; and whoever signs out, or disables
 * themselves, is told nothing more. Names that answers hold are tried too, the administrator's own among them.
 */
const LEFT_OUT = [
  'get-events',
  'post-sign-out',
  'post-principals-by-name-disable',
  'post-principals-by-name-tokens-by-id-revoke',
  'post-targets',
  'post-targets-by-name-check',
];

describe('schemathesis', { skip: skipWithout('schemathesis') }, () => {
  let sallyport: Sallyport;
  before(async () => {
    sallyport = await startSallyport();
  });
  after(() => sallyport?.[Symbol.asyncDispose]());

  async function run(token: string, ...more: string[]): Promise<void> {
    const args = [
      ...['run', `${sallyport.server()}/api/openapi.json`, '-H', `Authorization: Bearer ${token}`],
      ...['--checks', CHECKS, '--phases', 'fuzzing', '--max-examples', EXAMPLES],
      ...['--generation-deterministic', '--no-color', ...more],
      ...LEFT_OUT.flatMap((id) => ['--exclude-operation-id', id]),
    ];
    const child = spawn(services.schemathesis ?? '', args, {
      env: { PATH: process.env.PATH ?? '', HOME: '/nonexistent', COLUMNS: '160' },
      // It keeps a folder of its own where it runs.
      cwd: sallyport.dataFolder,
      timeout: LIMIT_MS,
    });
    let said = '';
    child.stdout.on('data', (chunk) => (said += String(chunk)));
    child.stderr.on('data', (chunk) => (said += String(chunk)));
    const code = await new Promise((resolve) => child.once('close', resolve));
    assert.equal(code, 0, said.slice(0, 20_000));
    assert.match(said, /(\d+) passed/, said.slice(-2_000));
  }

  test('as a directory, on its own', { timeout: LIMIT_MS }, async () => {
    const entra = { kind: 'service', name: 'entra', displayName: 'Entra' };
    await sallyport.ask('admin', 'POST', '/api/principals', z.unknown(), entra);
    await joinGroups(sallyport, 'entra', ['directory']);
    const body = { scopes: ['scim'] };
    const path = '/api/principals/entra/tokens';
    const { token } = await sallyport.ask('admin', 'POST', path, issuedToken, body);
    await run(token, '--include-path-regex', '^/scim/');
  });

  test('as an administrator, on everything but the directory’s routes', { timeout: LIMIT_MS }, async () => {
    await run(sallyport.token('admin'), '--exclude-path-regex', '^/scim/');
  });
});
