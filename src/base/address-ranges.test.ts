import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isInRanges, isWithin, parseAddressRange, plainAddress } from './address-ranges.ts';
import { Failure } from './errors.ts';

const ranges = (...texts: string[]) => texts.map(parseAddressRange);

test('addresses lie in the ranges that hold them, in every way of writing them', () => {
  const cases: [range: string, address: string, inside: boolean][] = [
    ['10.0.0.0/8', '10.255.1.2', true],
    ['10.0.0.0/8', '11.0.0.0', false],
    ['10.0.0.0/8', '::ffff:10.1.2.3', true],
    ['10.0.0.0/8', '::ffff:a01:203', true],
    ['10.0.0.0/8', '::10.1.2.3', false],
    ['10.1.2.3', '10.1.2.3', true],
    ['10.1.2.3', '10.1.2.4', false],
    ['10.1.2.2/31', '10.1.2.3', true],
    ['10.1.2.2/31', '10.1.2.4', false],
    ['0.0.0.0/0', '203.0.113.9', true],
    ['0.0.0.0/0', 'fd00::1', false],
    ['::/0', 'fd00::1', true],
    ['::/0', '10.0.0.1', false],
    ['fd00::/8', 'fdff:1:2:3:4:5:6:7', true],
    ['fd00::/8', 'fe80::1', false],
    ['2001:db8:0:1::/64', '2001:DB8:0:1:ffff::1', true],
    ['2001:db8:0:1::/64', '2001:db8:0:2::1', false],
    ['fe80::/10', 'fe80::1%eth0', true],
    ['::1', '::1', true],
    ['::1', '0:0:0:0:0:0:0:1', true],
    ['::1', '127.0.0.1', false],
    ['10.0.0.0/8', '', false],
    ['0.0.0.0/0', '10.0.0', false],
    ['0.0.0.0/0', '010.0.0.1', false],
    ['0.0.0.0/0', '10.0.0.1, 10.0.0.2', false],
  ];
  for (const [range, address, inside] of cases) {
    assert.equal(isInRanges(ranges(range), address), inside, `${address} in ${range}`);
  }
  assert.equal(isInRanges([], '10.0.0.1'), false);
  assert.equal(isInRanges(ranges('192.0.2.0/24', '10.0.0.0/8'), '10.0.0.1'), true);
});

test('what is no range is refused, and so is a network that names an address inside it', () => {
  for (const text of [
    '',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0.0/',
    '10.0.0.0/ 8',
    '10.1.2.3/8',
    '10.0.0/8',
    'fd00::1/8',
    'fd00::/129',
    '::ffff:10.0.0.0/104',
    'fe80::1%eth0',
    'localhost',
    '*',
    '0x0a.0.0.0/8',
    '1'.repeat(100),
  ]) {
    assert.throws(
      () => parseAddressRange(text),
      (error) => error instanceof Failure && error.code === 'invalid-address-range',
      text,
    );
  }
});

test('a range is within others when all its addresses are', () => {
  const outer = ranges('10.0.0.0/8', 'fd00::/8');
  for (const [text, within] of [
    ['10.1.0.0/16', true],
    ['10.0.0.0/8', true],
    ['0.0.0.0/0', false],
    ['fd12::/16', true],
    ['fc00::/7', false],
    ['11.0.0.1', false],
  ] as const) {
    assert.equal(isWithin(outer, parseAddressRange(text)), within, text);
  }
});

test('one address has one form', () => {
  for (const [text, plain] of [
    ['10.1.2.3', '10.1.2.3'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['FD00:0:0::1', 'fd00::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['unknown', null],
    ['10.1.2.3:80', null],
  ] as const) {
    assert.equal(plainAddress(text), plain, text);
  }
});
