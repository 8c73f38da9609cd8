// A pack never reaches outside its segment, and what stands above it holds within.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../base/errors.ts';
import { compilePolicies } from './compile.ts';
import { decide } from './decide.ts';
import { exampleFacts } from './example-facts.ts';
import { packOf } from './packs.ts';

const FILE = 'packs/prod/eu/orders/team.cedar';
const AT_ONCE = 'action in [Action::"request", Action::"autoApprove"]';
const compile = (text: string, more: Record<string, string> = {}) =>
  compilePolicies({ [FILE]: text, ...more });
const isInvalid = (error: unknown) => error instanceof Failure && error.code === 'policy-invalid';

test('the segment is the folder', () => {
  assert.equal(packOf(FILE), 'prod/eu/orders');
  for (const file of [
    'orders.cedar',
    'packs.cedar',
    'packs/team.cedar',
    'packs/Prod/a.cedar',
    'packs/prod/../a.cedar',
  ])
    assert.equal(packOf(file), null, file);
  for (const file of [
    'packs/team.cedar',
    'packs/../a.cedar',
    'packs//a.cedar',
    '/a.cedar',
    'packs/prod/a.txt',
  ])
    assert.throws(() => compilePolicies({ [file]: '' }), isInvalid, file);
});

test('inside is inside, in the scope of each policy', () => {
  for (const resource of [
    'resource in Segment::"prod/eu/orders"',
    'resource in Segment::"prod/eu/orders/archive"',
    'resource is Target in Segment::"prod/eu/orders"',
  ]) {
    assert.equal(compile(`permit (principal, ${AT_ONCE}, ${resource});`).rules.length, 1, resource);
  }
  for (const resource of [
    'resource',
    'resource is Target',
    'resource in Segment::"prod/eu"',
    'resource in Segment::"prod/eu/orders-archive"',
    'resource in Segment::"prod"',
    'resource == Target::"orders-db"',
    'resource in Environment::"production"',
  ]) {
    for (const effect of ['permit', 'forbid'])
      assert.throws(() => compile(`${effect} (principal, ${AT_ONCE}, ${resource});`), isInvalid, resource);
    const condition = 'when { resource in Segment::"prod/eu/orders" }';
    assert.throws(
      () => compile(`permit (principal, ${AT_ONCE}, ${resource}) ${condition};`),
      isInvalid,
      resource,
    );
  }
});

test('no pack speaks of Sallyport itself', () => {
  const inside = 'resource in Segment::"prod/eu/orders"';
  for (const action of [
    'action',
    'action == Action::"changePolicy"',
    'action in [Action::"request", Action::"autoApprove", Action::"administer"]',
  ]) {
    assert.throws(() => compile(`permit (principal, ${action}, ${inside});`), isInvalid, action);
  }
  assert.throws(
    () => compile('permit (principal, action == Action::"audit", resource == Platform::"sallyport");'),
    isInvalid,
  );
});

test('a central forbid stands above what a pack permits', () => {
  const permit = `permit (principal, ${AT_ONCE}, resource in Segment::"prod/eu/orders");`;
  assert.equal(decide(compile(permit), exampleFacts()).outcome, 'allow');
  assert.equal(
    decide(compile(permit), exampleFacts({ target: { segment: 'prod/eu/payments' } })).outcome,
    'deny',
  );
  const central = {
    'central.cedar':
      '@id("freeze") forbid (principal, action == Action::"request", resource in Segment::"prod");',
  };
  const decided = decide(compile(permit, central), exampleFacts());
  assert.deepEqual([decided.outcome, decided.determining], ['deny', ['central/freeze']]);
});
