// The two readers of the relay without sockets: whatever way the network cuts the bytes, the same bytes come out and
// the same statements are recorded; and what no client or server should send.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { int, msg } from '../../../test/harness/wire.ts';
import { monotonicMs } from '../../base/timer.ts';
import { RecentStatements } from '../../sessions/recent.ts';
import type { Recorded, Recorder } from '../../sessions/recorder.ts';
import { ClientSide } from './client-side.ts';
import type { Guard } from './guard/guard.ts';
import { termsOf } from './guard/terms.ts';
import { Ledger, LedgerFault } from './ledger.ts';
import { affectedRows, ServerFault, ServerSide } from './server-side.ts';
import { createStandIns } from './stand-in.ts';

const guard: Guard = (text) => ({
  refusal: text.startsWith('refuse') ? { sqlstate: '42501', text: 'refused' } : null,
  uses: [],
  prepares: [],
  givesRows: true,
  approval: null,
  declares: [],
});

/** A relay of two buffers: what would go to the target, to the client, and into the recording. */
function bench() {
  const recorded: Recorded[] = [];
  const totals = {
    statements: 0,
    refused: 0,
    errors: 0,
    rowsRead: 0,
    bytesRead: 0,
    bytesWritten: 0,
    commands: 0,
    files: 0,
    connections: 0,
  };
  const recorder: Recorder = {
    recent: new RecentStatements(),
    path: '',
    totals,
    add: (statement) => void recorded.push({ ...statement, text: statement.text, error: statement.error }),
    terminal: () => undefined,
    flush: () => undefined,
    close: async () => null,
    uses: () => [],
  };
  const toTarget: Buffer[] = [];
  const toClient: Buffer[] = [];
  const faults: string[] = [];
  let left = false;
  const ledger = new Ledger(recorder, monotonicMs());
  const standIns = createStandIns();
  const client: ClientSide = new ClientSide({
    ledger,
    standIns,
    guard,
    terms: termsOf({ allow: [], lists: null, requireWhere: false }, 'any'),
    grantId: 'gr_1',
    masked: false,
    overBudget: () => null,
    approval: null,
    send: (bytes) => void toTarget.push(Buffer.from(bytes)),
    hold: (waiting) => void (waiting || client.take(Buffer.alloc(0))),
    leave: () => {
      left = true;
    },
    fault: (what) => void faults.push(what),
  });
  const server = new ServerSide({
    ledger,
    standIns,
    mask: null,
    cut: null,
    describes: false,
    send: (bytes) => void toClient.push(Buffer.from(bytes)),
    setting: () => undefined,
  });
  return {
    client,
    server,
    ledger,
    recorded,
    faults,
    totals,
    left: () => left,
    target: () => Buffer.concat(toTarget),
    answers: () => Buffer.concat(toClient),
  };
}

function pieces(bytes: Buffer, cuts: number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...places]
    .map((from, i) => bytes.subarray(from, places[i] ?? bytes.length))
    .filter((piece) => piece.length > 0);
}

const none = int(0, 2);
const bind = (portal: string, name: string) => msg('B', portal, name, none, none, none);
const asked = Buffer.concat([
  msg('Q', 'select 1'),
  msg('P', 's', 'select $1', none),
  bind('', 's'),
  msg('D', Buffer.from('P\0')),
  msg('E', '', int(0)),
  msg('C', Buffer.from('Ss\0')),
  msg('S'),
  msg('Q', 'copy t from stdin'),
  msg('d', Buffer.alloc(300, 0x61)),
  msg('d', Buffer.alloc(90_000, 0x62)),
  msg('c'),
  msg('Q', `select '${'x'.repeat(3_000)}'`),
  msg('B', '', '', none, none, Buffer.alloc(100_000)),
  msg('S'),
]);
const row = (bytes: number) => msg('D', Buffer.alloc(bytes));
const ready = msg('Z', Buffer.from('I'));
const answered = Buffer.concat([
  msg('T', Buffer.alloc(30)),
  row(10),
  row(4),
  msg('C', 'SELECT 2'),
  ready,
  msg('1'),
  msg('2'),
  msg('T', Buffer.alloc(30)),
  row(70_000),
  row(3),
  msg('C', 'SELECT 2'),
  msg('3'),
  ready,
  msg('G', Buffer.alloc(5)),
  msg('C', 'COPY 12'),
  ready,
  msg('N', Buffer.alloc(50)),
  msg('E', 'SERROR', 'C22012', 'Mdivision by zero', Buffer.from([0])),
  ready,
  msg('2'),
  ready,
]);
const cuts = fc.array(fc.nat({ max: 200_000 }), { maxLength: 40 });

describe('relay sides', () => {
  test('a long statement that comes byte by byte costs no more than its bytes', () => {
    const { client, target } = bench();
    const statement = msg('Q', `select '${'x'.repeat(1_000_000)}'`);
    const slow = statement.length - 100_000;
    const began = performance.now();
    client.take(statement.subarray(0, slow));
    for (let at = slow; at < statement.length; at++) client.take(statement.subarray(at, at + 1));
    assert.ok(performance.now() - began < 5_000);
    assert.ok(target().equals(statement));
  });

  test('any cut of the bytes gives the same bytes and the same record', () => {
    const whole = bench();
    whole.client.take(asked);
    whole.server.take(answered);
    fc.assert(
      fc.property(cuts, cuts, (clientCuts, serverCuts) => {
        const split = bench();
        for (const piece of pieces(asked, clientCuts)) split.client.take(piece);
        for (const piece of pieces(answered, serverCuts)) split.server.take(piece);
        assert.deepEqual(split.faults, []);
        assert.ok(split.target().equals(asked));
        assert.ok(split.answers().equals(answered));
        assert.ok(split.server.betweenMessages);
        const facts = (one: ReturnType<typeof bench>) =>
          one.recorded.map((s) => [s.text, s.rows, s.bytes, s.protocol, s.error]);
        assert.deepEqual(facts(split), facts(whole));
        assert.deepEqual(split.totals, whole.totals);
      }),
      { numRuns: 300 },
    );
    assert.deepEqual(
      whole.recorded.map((s) => [s.text.slice(0, 20), s.rows, s.protocol, s.error?.sqlstate]),
      [
        ['select 1', 2, 'simple', undefined],
        ['select $1', 2, 'extended', undefined],
        ['copy t from stdin', 12, 'copy', undefined],
        ["select 'xxxxxxxxxxxx", 0, 'simple', '22012'],
      ],
    );
  });

  test('a refused statement is replaced, however it comes in', () => {
    const bytes = Buffer.concat([
      msg('Q', 'select 1'),
      msg('Q', 'refuse me'),
      msg('P', 'n', 'refuse too', none),
      msg('S'),
      msg('X'),
    ]);
    fc.assert(
      fc.property(cuts, (where) => {
        const one = bench();
        for (const piece of pieces(bytes, where)) one.client.take(piece);
        const sent = one.target().toString('latin1');
        assert.match(
          sent,
          /select 1\0Q....sallyport_refused_[0-9a-f]{24}_0\0P....n\0sallyport_refused_[0-9a-f]{24}_1\0\0\0S\0\0\0.$/s,
        );
        assert.ok(one.left());
      }),
      { numRuns: 100 },
    );
  });

  test('a statement over the limit is refused without being kept', () => {
    const one = bench();
    const huge = 900_000_000;
    one.client.take(Buffer.concat([Buffer.from('Q'), int(huge), Buffer.from('select')]));
    for (let left = huge - 4 - 6; left > 0; left -= Math.min(left, 50_000_000))
      one.client.take(Buffer.alloc(Math.min(left, 50_000_000)));
    one.client.take(msg('Q', 'select 1'));
    assert.match(
      one.target().toString('latin1'),
      /^Q....sallyport_refused_[0-9a-f]{24}_0\0Q....select 1\0$/s,
    );
    assert.ok(one.target().length < 100);
  });

  for (const [what, bytes] of Object.entries({
    'a length below four': Buffer.concat([Buffer.from('Q'), int(3), Buffer.from('xyz')]),
    'a gigabyte of a small message': Buffer.concat([Buffer.from('S'), int(1_073_741_824)]),
    'a gigabyte of COPY': Buffer.concat([Buffer.from('d'), int(1_073_741_824)]),
    'an unknown type': msg('!', 'x'),
    'a password in the middle': msg('p', 'x'),
    'a query that does not end': Buffer.concat([Buffer.from('Q'), int(8), Buffer.from('abcd')]),
    'a Parse without its text': msg('P', Buffer.from('name')),
    'a Bind whose names do not end': msg('B', Buffer.alloc(2_000, 0x61)),
    'an Execute without a name': msg('E', Buffer.from('abc')),
    'a Close without a name': msg('C', Buffer.from('Sabc')),
  })) {
    test(`from a client: ${what} ends the session`, () => {
      const one = bench();
      one.client.take(bytes);
      assert.equal(one.faults.length, 1);
      assert.equal(one.target().length, 0);
    });
  }

  test('a statement in the middle of COPY ends the session', () => {
    const one = bench();
    one.client.take(msg('Q', 'copy t from stdin'));
    one.server.take(msg('G', Buffer.alloc(5)));
    one.client.take(Buffer.concat([msg('d', 'x'), msg('S'), msg('Q', 'select 1')]));
    assert.equal(one.faults.length, 1);
  });

  for (const [what, bytes, error] of [
    ['an answer that nobody asked for', msg('C', 'SELECT 1'), LedgerFault],
    ['rows that nobody asked for', row(5), LedgerFault],
    ['ready too early', ready, LedgerFault],
    ['a ParseComplete too many', msg('1'), LedgerFault],
    ['an impossible length', Buffer.concat([Buffer.from('D'), int(2)]), ServerFault],
    ['two gigabytes', Buffer.concat([Buffer.from('D'), int(2_147_483_647)]), ServerFault],
    ['an unknown type', msg('!', 'x'), ServerFault],
    ['a late question for a password', msg('R', int(3)), ServerFault],
    ['COPY both ways', msg('W', Buffer.alloc(5)), ServerFault],
  ] as const) {
    test(`from a target: ${what} ends the session`, () => {
      const one = bench();
      if (what !== 'an answer that nobody asked for') one.client.take(msg('S'));
      assert.throws(
        () => one.server.take(what === 'ready too early' ? Buffer.concat([bytes, bytes]) : bytes),
        error,
      );
    });
  }

  test('an error in a pipeline voids what follows up to Sync, and tells which statement it was', () => {
    const one = bench();
    one.client.take(
      Buffer.concat([
        msg('P', '', 'first', none),
        bind('', ''),
        msg('E', '', int(0)),
        msg('P', '', 'second', none),
        bind('', ''),
        msg('E', '', int(0)),
        msg('P', '', 'third', none),
        bind('', ''),
        msg('E', '', int(0)),
      ]),
    );
    one.server.take(
      Buffer.concat([
        msg('1'),
        msg('2'),
        msg('C', 'SELECT 0'),
        msg('1'),
        msg('E', 'C22P02', 'Mbad', Buffer.from([0])),
      ]),
    );
    one.client.take(
      Buffer.concat([
        msg('P', '', 'fourth', none),
        bind('', ''),
        msg('E', '', int(0)),
        msg('S'),
        msg('Q', 'fifth'),
      ]),
    );
    one.server.take(Buffer.concat([ready, msg('C', 'SELECT 0'), ready]));
    assert.deepEqual(
      one.recorded.map((s) => [s.index, s.text, s.error?.sqlstate]),
      [
        [0, 'first', undefined],
        [1, 'second', '22P02'],
        [2, 'third', ''],
        [3, 'fourth', ''],
        [4, 'fifth', undefined],
      ],
    );
    assert.equal(one.ledger.pending, 0);
  });

  test('the number in a command’s tag', () => {
    const rows = (tag: string) => affectedRows(Buffer.from(`${tag}\0`), 0, tag.length + 1);
    assert.deepEqual(
      ['INSERT 0 5', 'SELECT 123', 'BEGIN', 'COPY 7', 'CREATE TABLE', '5', ''].map(rows),
      [5, 123, -1, 7, -1, -1, -1],
    );
  });
});
