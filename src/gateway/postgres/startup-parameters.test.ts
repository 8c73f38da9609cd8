import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ProtocolError } from '../../pg-wire/protocol-error.ts';
import { isSafeEncoding, readStartupParameters } from './startup-parameters.ts';

const packet = (parameters: Record<string, string>) =>
  Buffer.from(
    `${Object.entries({ user: 'u', database: 'd', ...parameters })
      .flat()
      .map((part) => `${part}\0`)
      .join('')}\0`,
  );

describe('startup parameters', () => {
  test('what is allowed goes on, by its lower-case name; options are taken apart', () => {
    const read = readStartupParameters(
      packet({
        DateStyle: 'ISO',
        options: '-c statement_timeout=5s -cGEQO=off --search-path=a\\ b',
        application_name: 'app',
      }),
    );
    assert.deepEqual(
      [...read.settings],
      [
        ['datestyle', 'ISO'],
        ['statement_timeout', '5s'],
        ['geqo', 'off'],
        ['search_path', 'a b'],
      ],
    );
    assert.equal(read.application, 'app');
  });

  for (const parameters of [
    { role: 'x' },
    { ROLE: 'x' },
    { session_authorization: 'x' },
    { post_auth_delay: '6' },
    { replication: 'database' },
    { local_preload_libraries: 'x' },
    { client_connection_check_interval: '0' },
    { standard_conforming_strings: 'off' },
    { options: '-c role=x' },
    { options: '-crole=x' },
    { options: '--role=x' },
    { options: '-c post-auth-delay=6' },
    { options: '-c geqo=off -c session_authorization=x' },
    { options: '-c geqo=off\t-c\nrole=x' },
    { options: '-c r\\ole=x' },
    { options: '-B 100' },
    { options: '-c' },
    { options: '-c geqo' },
    { client_encoding: 'SJIS' },
    { options: '-c client_encoding=BIG5' },
    { client_encoding: 'UTF8; x' },
    { application_name: 'x'.repeat(2_000) },
    { user: '' },
    { database: '' },
    { user: 'x'.repeat(64) },
  ] as Record<string, string>[]) {
    test(`refuses ${JSON.stringify(parameters).slice(0, 60)}`, () => {
      assert.throws(() => readStartupParameters(packet(parameters)), ProtocolError);
    });
  }

  test('any bytes give parameters or a ProtocolError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          const read = readStartupParameters(Buffer.from(bytes));
          assert.ok(read.user !== '' && read.database !== '');
        } catch (error) {
          assert.ok(error instanceof ProtocolError);
        }
      }),
    );
  });

  test('encodings in which a byte below 0x80 is always itself', () => {
    for (const name of [
      'UTF8',
      'utf-8',
      "'UTF8'",
      'SQL_ASCII',
      'latin1',
      'LATIN-10',
      'WIN1252',
      'KOI8R',
      'ISO_8859_5',
    ]) {
      assert.ok(isSafeEncoding(name), name);
    }
    for (const name of [
      'SJIS',
      'BIG5',
      'GBK',
      'GB18030',
      'UHC',
      'JOHAB',
      'SHIFT_JIS_2004',
      'EUC_JP',
      'latin11',
      '',
    ]) {
      assert.ok(!isSafeEncoding(name), name);
    }
  });
});
