// The OpenAPI document is what it says: version 3.1, every route of the guard's table, every reference there, and the
// real answers of the running product are what it describes.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { GUARD, type RouteName } from '../../src/http/guard.ts';
import { rawHttp } from '../harness/raw-http.ts';
import { type Person, type Sallyport, startSallyport } from '../harness/sallyport.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };

interface Operation {
  operationId?: string;
  summary?: string;
  security?: Json[];
  parameters?: { name: string; in: string }[];
  requestBody?: JsonObject;
  responses: Record<string, { description?: string; content?: Record<string, { schema?: JsonObject }> }>;
}

interface Document {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
  components?: JsonObject;
}

let sallyport: Sallyport;
let document: Document;
let raw: JsonObject;

before(async () => {
  sallyport = await startSallyport();
  const answer = await rawHttp({ server: sallyport.server(), path: '/api/openapi.json' });
  assert.equal(answer.status, 200);
  raw = answer.json as JsonObject;
  document = answer.json as unknown as Document;
});
after(() => sallyport[Symbol.asyncDispose]());

const names = Object.keys(GUARD) as RouteName[];

/** Before any route is known, a failure is a problem on the routes of a directory too. */
const BEFORE_ROUTES = ['414', '431'];
const failureType = (name: RouteName, status: string) =>
  name.includes('/scim/') && !BEFORE_ROUTES.includes(status)
    ? 'application/scim+json'
    : 'application/problem+json';

function operationOf(name: RouteName): Operation {
  const [method = '', url = ''] = name.split(' ');
  const found = document.paths[url.replaceAll(/:([a-z]+)/g, '{$1}')]?.[method.toLowerCase()];
  assert.ok(found !== undefined, `${name} is in the document`);
  return found;
}

test('it is an OpenAPI 3.1 document with every route of the table, and no other', () => {
  assert.match(document.openapi, /^3\.1\.\d+$/);
  assert.ok(document.info.title.length > 0 && document.info.version.length > 0);
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map(
      (method) => `${method.toUpperCase()} ${path.replaceAll(/\{([a-z]+)\}/g, ':$1')}`,
    ),
  );
  assert.deepEqual(described.sort(), [...names].sort());
});

test('every operation has a name of its own, says what it does, who may, and how it fails', () => {
  const ids = names.map((name) => operationOf(name).operationId);
  assert.equal(new Set(ids).size, names.length);
  for (const name of names) {
    const operation = operationOf(name);
    assert.ok((operation.summary ?? '').length > 3, name);
    const open = ['anyone', 'loopback'].includes(GUARD[name]);
    assert.equal(operation.security === undefined, open, `${name}: security`);
    const inPath = [...name.matchAll(/:([a-z]+)/g)].map((match) => match[1]);
    const parameters = (operation.parameters ?? []).filter((one) => one.in === 'path');
    assert.deepEqual(parameters.map((one) => one.name).sort(), inPath.sort(), `${name}: path parameters`);
    for (const [status, response] of Object.entries(operation.responses)) {
      assert.ok((response.description ?? '').length > 0, `${name} ${status} has a description`);
      if (Number(status) >= 400)
        assert.ok(response.content?.[failureType(name, status)]?.schema !== undefined, `${name} ${status}`);
    }
    if (!open)
      for (const status of ['401', '403']) assert.ok(status in operation.responses, `${name} ${status}`);
  }
});

test('every reference leads somewhere', () => {
  const references: string[] = [];
  const walk = (value: Json): void => {
    if (Array.isArray(value)) for (const item of value) walk(item);
    else if (typeof value === 'object' && value !== null) {
      for (const [key, item] of Object.entries(value)) {
        if (key === '$ref' && typeof item === 'string') references.push(item);
        else walk(item);
      }
    }
  };
  walk(raw);
  for (const reference of references) {
    assert.match(reference, /^#\//, 'none leads out of the document');
    let at: Json | undefined = raw;
    for (const part of reference.slice(2).split('/')) {
      const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
      at = typeof at === 'object' && at !== null && !Array.isArray(at) ? at[key] : undefined;
    }
    assert.notEqual(at, undefined, reference);
  }
});

// Formats are checked by the wire schemas themselves; here it is the shapes.
const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });

function schemaOf(name: RouteName, status: number, type: string): ValidateFunction {
  const schema = operationOf(name).responses[String(status)]?.content?.[type]?.schema;
  assert.ok(schema !== undefined, `${name} describes ${status} as ${type}`);
  return ajv.compile({ ...schema, components: document.components ?? {} });
}

test('every schema in it is a JSON Schema of 2020-12', () => {
  for (const name of names) {
    for (const [status, response] of Object.entries(operationOf(name).responses)) {
      for (const type of Object.keys(response.content ?? {})) schemaOf(name, Number(status), type);
    }
  }
});

const ASKED = { target: 'orders-db', task: 'read-orders', duration: '30m', reason: 'the document' };

test('real answers are what it describes, good ones and bad ones', async () => {
  const check = async (name: RouteName, person: Person | null, path: string, body?: unknown) => {
    const [method = ''] = name.split(' ');
    const answer = await rawHttp({
      server: sallyport.server(),
      method,
      path,
      body,
      headers: person === null ? {} : { authorization: `Bearer ${sallyport.token(person)}` },
    });
    const type = String(answer.headers['content-type']).split(';', 1)[0] ?? '';
    const validate = schemaOf(name, answer.status, type);
    assert.ok(
      validate(answer.json),
      `${name} ${answer.status}: ${ajv.errorsText(validate.errors)}\n${answer.text.slice(0, 500)}`,
    );
    return answer;
  };
  const asked = await check('POST /api/requests', 'engineer', '/api/requests?wait=20', ASKED);
  const { request, grant } = asked.json as { request: { id: string }; grant: { id: string } };
  await check('GET /api/requests/:id', 'engineer', `/api/requests/${request.id}`);
  await check('POST /api/grants/:id/credentials', 'engineer', `/api/grants/${grant.id}/credentials`, {});
  await check('POST /api/grants/:id/done', 'engineer', `/api/grants/${grant.id}/done?wait=20`, {});
  await check('GET /api/grants/:id', 'engineer', `/api/grants/${grant.id}`);
  await check('GET /api/grants/:id/receipt', 'engineer', `/api/grants/${grant.id}/receipt`);
  await check('POST /api/requests', 'engineer', '/api/requests', { ...ASKED, task: 'fix-orders' });
  await check('POST /api/requests/preview', 'engineer', '/api/requests/preview', ASKED);
  await check('POST /api/policy/explain', 'engineer', '/api/policy/explain', {
    target: 'orders-db',
    task: 'change-schema',
  });
  await check('POST /api/targets/:name/check', 'admin', '/api/targets/orders-db/check', {});
  await check('GET /api/targets/:name/standing-access', 'auditor', '/api/targets/orders-db/standing-access');
  const lists = names.filter(
    (name) =>
      name.startsWith('GET ') &&
      !name.includes(':') &&
      'application/json' in (operationOf(name).responses['200']?.content ?? {}) &&
      name !== 'GET /api/openapi.json',
  );
  assert.ok(lists.length >= 10, lists.join());
  for (const name of lists) await check(name, 'admin', name.slice('GET '.length));

  await check('GET /api/me', null, '/api/me');
  await check('GET /api/audit/entries', 'engineer', '/api/audit/entries');
  await check('GET /api/grants/:id', 'engineer', '/api/grants/grt_00000000000000000000000000');
  await check('GET /api/grants/:id', 'engineer', '/api/grants/not-an-id');
  await check('POST /api/requests', 'engineer', '/api/requests', { ...ASKED, duration: '1y' });
  await check('POST /api/requests', 'engineer', '/api/requests', '{');
  await check('POST /api/requests/:id/cancel', 'engineer', `/api/requests/${request.id}/cancel`, {});
});
