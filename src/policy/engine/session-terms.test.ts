// How a grant goes with its sessions: what is written wrong is an error at load, and more permits never give more.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePolicies } from './compile.ts';
import { decide } from './decide.ts';
import { exampleFacts } from './example-facts.ts';

const permit = (notes: string, action = 'action in [Action::"request", Action::"autoApprove"]') =>
  `${notes} permit (principal, ${action}, resource);`;
const obligationsOf = (text: string) =>
  decide(compilePolicies({ 'p.cedar': text }), exampleFacts()).obligations;

test('each says what it says', () => {
  const { sessionUse, claimSeconds, landingSeconds } = obligationsOf(
    permit('@use("session") @clock("first-connection within 30m") @softLanding("30s")'),
  );
  assert.deepEqual([sessionUse, claimSeconds, landingSeconds], ['session', 1_800, 30]);
  const nothing = obligationsOf(permit(''));
  assert.deepEqual(Object.keys(nothing).sort(), [
    'approvals',
    'mask',
    'maxDurationSeconds',
    'record',
    'stepUp',
  ]);
});

test('more permits take away and never add: once wins, a later clock and a grace need every one of them', () => {
  const both = obligationsOf(
    permit('@use("session") @clock("first-connection within 1h") @softLanding("60s")') +
      permit('@use("once") @clock("first-connection within 10m") @softLanding("5s")'),
  );
  assert.deepEqual([both.sessionUse, both.claimSeconds, both.landingSeconds], ['once', 600, 5]);
  const one = obligationsOf(
    permit('@clock("first-connection within 1h") @softLanding("60s")') + permit('@use("once")'),
  );
  assert.deepEqual([one.sessionUse, one.claimSeconds, one.landingSeconds], ['once', undefined, undefined]);
});

test('what is written wrong, or where nobody would carry it out, is refused at load', () => {
  for (const [text, says] of [
    [permit('@use("twice")'), /@use must be "once"/],
    [permit('@clock("activation")'), /@clock must be written like/],
    [permit('@clock("first-connection within 2d")'), /@clock may be at most 1d/],
    [permit('@softLanding("6m")'), /@softLanding may be at most 5m/],
    [permit('@softLanding("soon")'), /@softLanding/],
    [permit('@use("once")', 'action == Action::"connect"'), /@use has an effect only on a permit for/],
    [permit('@softLanding("5s")', 'action == Action::"extend"'), /@softLanding has an effect only/],
  ] as const)
    assert.throws(() => compilePolicies({ 'p.cedar': text }), says, text);
});

test('budgets: the smallest of all permits holds, from whichever action it comes', () => {
  const both = obligationsOf(permit('@maxRows("10000") @maxBytes("1GB")') + permit('@maxRows("500")'));
  assert.deepEqual([both.maxRows, both.maxBytes], [500, 1_000_000_000]);
  for (const [text, says] of [
    [permit('@maxRows("0")'), /@maxRows must be a whole number of rows/],
    [permit('@maxRows("1e5")'), /@maxRows must be a whole number of rows/],
    [permit('@maxBytes("100")'), /@maxBytes must be a whole number of B, kB, MB/],
    [permit('@maxBytes("5 mb")'), /@maxBytes must be/],
    [permit('@approveStatements("write")'), /@approveStatements must say who/],
    [permit('@approveStatements("reads by 1 of manager")'), /@approveStatements must name statements/],
    [permit('@approveStatements("write by two")'), /@approveStatements: "two" is not a stage/],
    [permit('@literals("mask")'), /@literals must be "keep", "hash" or "drop"/],
    [permit('@keepRecording("1y")'), /@keepRecording must be a duration such as "365d", or "forever"/],
    [permit('@keepRecording("36501d")'), /longer than the limit of 36500d/],
    [
      permit('@keepRecording("9d")', 'action == Action::"approve"'),
      /@keepRecording has no effect on a permit/,
    ],
    [permit('@maxRows("5")', 'action == Action::"approve"'), /@maxRows has no effect on a permit for/],
  ] as const)
    assert.throws(() => compilePolicies({ 'p.cedar': text }), says, text);
});

test('statements to be approved: all kinds and all stages of all permits', () => {
  const both = obligationsOf(
    permit('@approveStatements("write by 1 of Group::\\"dba\\"")') +
      permit('@approveStatements("delete, truncate by 2 of Group::\\"leads\\"; 1 of manager")'),
  );
  assert.deepEqual(both.approveStatements, {
    kinds: ['delete', 'truncate', 'write'],
    by: [
      { count: 1, from: 'Group::"dba"' },
      { count: 2, from: 'Group::"leads"' },
      { count: 1, from: 'manager' },
    ],
  });
});

test('literals: the strictest of all permits', () => {
  const of = (...values: string[]) =>
    obligationsOf(values.map((one) => permit(`@literals("${one}")`)).join('')).literals;
  assert.deepEqual([of('keep'), of('keep', 'hash'), of('hash', 'drop')], [undefined, 'hash', 'drop']);
});

test('recordings: the longest of all permits that name one, for ever above all', () => {
  const of = (...values: string[]) =>
    obligationsOf(values.map((one) => permit(`@keepRecording("${one}")`)).join('') + permit(''))
      .keepRecordingSeconds;
  assert.deepEqual(
    [of(), of('30d'), of('30d', '365d'), of('forever', '365d')],
    [undefined, 30 * 86_400, 365 * 86_400, null],
  );
});
