// Bytes that a client may send once it is in, by name: what drivers get wrong, what no driver sends, and what once
// went wrong here. Each is whole messages, so that a server answers it the same way every time; what is cut and
// spoiled is made from them. A find goes in here and stays.

import { int, msg } from '../harness/wire.ts';

const raw = (type: string, ...parts: Buffer[]) => Buffer.concat([Buffer.from(type), ...parts]);
const parse = (name: string, text: string, ...types: number[]) =>
  msg('P', name, text, int(types.length, 2), ...types.map((type) => int(type)));
const bind = (portal: string, name: string, ...values: string[]) =>
  msg('B', portal, name, int(0, 2), int(values.length, 2), ...values.map(withLength), int(0, 2));
const withLength = (text: string) => Buffer.concat([int(Buffer.byteLength(text)), Buffer.from(text)]);
const execute = (portal = '', most = 0) => msg('E', portal, int(most));
const sync = msg('S');

export const WIRE_CORPUS: Readonly<Record<string, Buffer[]>> = {
  'a plain query': [msg('Q', 'select 1')],
  'no statement at all': [msg('Q', ''), msg('Q', ';;'), msg('Q', '-- nothing')],
  'statements behind one that fails': [msg('Q', 'select 1; select 1/0; select 2'), msg('Q', 'select 3')],
  'bytes that are no UTF-8': [msg('Q', Buffer.from("select '\xff\xfe'\0", 'latin1'))],
  'the extended protocol, whole': [parse('', 'select $1::int + 1', 23), bind('', '', '41'), execute(), sync],
  'a portal in pieces': [
    parse('', 'select generate_series(1, 5)'),
    bind('p', ''),
    execute('p', 2),
    execute('p', 2),
    execute('p', 2),
    execute('p', 2),
    sync,
  ],
  'Execute before Bind': [execute(), sync],
  'Bind before Parse': [bind('', 'never'), execute(), sync],
  'Describe of what is not there': [
    msg('D', Buffer.from('Snever\0')),
    sync,
    msg('D', Buffer.from('Pnever\0')),
    sync,
  ],
  'Describe of neither kind': [msg('D', Buffer.from('Xnever\0')), sync],
  'Close of what is not there, twice': [
    msg('C', Buffer.from('Snever\0')),
    msg('C', Buffer.from('Pnever\0')),
    sync,
  ],
  'Close of neither kind': [msg('C', Buffer.from('X\0')), sync],
  'a name that is taken': [
    parse('a', 'select 1'),
    parse('a', 'select 2'),
    sync,
    bind('', 'a'),
    execute(),
    sync,
  ],
  'prepared, then changed, then run': [
    parse('a', 'select 1 as before'),
    msg('C', Buffer.from('Sa\0')),
    parse('a', 'select 2 as after'),
    bind('', 'a'),
    execute(),
    sync,
  ],
  'fewer values than parameters': [parse('', 'select $1::int, $2::int'), bind('', '', '1'), execute(), sync],
  'more values than parameters': [parse('', 'select 1'), bind('', '', '1', '2'), execute(), sync],
  'a value of no type': [parse('', 'select $1::int', 23), bind('', '', 'x'), execute(), sync],
  'binary that is too short': [
    parse('', 'select $1::int', 23),
    msg('B', '', '', int(1, 2), int(1, 2), int(1, 2), int(2), int(7, 2), int(0, 2)),
    execute(),
    sync,
  ],
  'a result format that does not exist': [
    parse('', 'select 1'),
    msg('B', '', '', int(0, 2), int(0, 2), int(1, 2), int(7, 2)),
    execute(),
    sync,
  ],
  'an error in the middle, skipped up to Sync': [
    parse('', 'select 1/0'),
    bind('', ''),
    execute(),
    parse('', 'select 2'),
    bind('', ''),
    execute(),
    sync,
    msg('Q', 'select 3'),
  ],
  'a query among extended messages': [
    parse('', 'select 1'),
    msg('Q', 'select 2'),
    bind('', ''),
    execute(),
    sync,
  ],
  'many Syncs': Array.from({ length: 50 }, () => sync),
  'Flush without anything to flush': [msg('H'), msg('H'), sync],
  'COPY in, given up': [
    msg('Q', 'copy orders (note) from stdin'),
    msg('d', Buffer.from('x\n')),
    msg('f', 'enough'),
  ],
  'COPY in, with a Flush and a Sync in the middle': [
    msg('Q', 'copy orders (note) from stdin'),
    msg('d', Buffer.from('half ')),
    msg('H'),
    sync,
    msg('d', Buffer.from('line\n')),
    msg('c'),
  ],
  'COPY data that does not fit': [
    msg('Q', 'copy orders (id, note) from stdin'),
    msg('d', Buffer.from('x\ty\n')),
    msg('d', Buffer.from('1\ty\n')),
    msg('c'),
  ],
  'COPY done and given up without a COPY': [
    msg('c'),
    msg('f', 'x'),
    msg('d', Buffer.from('x\n')),
    msg('Q', 'select 1'),
  ],
  'COPY out, by the extended protocol': [
    parse('', 'copy (select 1) to stdout'),
    bind('', ''),
    execute(),
    sync,
  ],
  'a transaction that failed': [
    msg('Q', 'begin'),
    msg('Q', 'select 1/0'),
    msg('Q', 'select 1'),
    msg('Q', 'commit'),
  ],
  'a name of ten thousand letters': [parse('x'.repeat(10_000), 'select 1'), sync],
  'sixty thousand parameter types': [parse('', 'select 1', ...Array.from({ length: 60_000 }, () => 0)), sync],
};

/** Those that are no protocol: the session ends, whoever hears them. */
export const WIRE_BROKEN: Readonly<Record<string, Buffer>> = {
  'a type that does not exist': raw('!', int(4)),
  'a server’s type': msg('Z', Buffer.from('I')),
  'a length of zero': raw('Q', int(0)),
  'a length of three': raw('S', int(3)),
  'a negative length': raw('Q', int(0xffff_ffff)),
  'two gigabytes that are only claimed': raw('P', int(0x7fff_fffe)),
  'an HTTP request': Buffer.from('POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n'),
};
