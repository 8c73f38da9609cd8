// What makes text safe and tables fit.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dsnVariables, parseDsn } from './dsn.ts';
import { printable, printableJson, printableLines } from './printable.ts';
import { displayWidth, fit, tableLines } from './table.ts';
import { bytesText, left, relative } from './times.ts';

test('control, bidirectional and zero-width characters are shown, not obeyed', () => {
  assert.equal(
    printable('a\u001b[31m\r\nb\u009b\u202e\u200b\ufeff'),
    'a\\x1b[31m\\r\\nb\\x9b\\u202e\\u200b\\ufeff',
  );
  assert.equal(printable('Zoë 日本 🙂'), 'Zoë 日本 🙂');
  assert.equal(printableLines('a\r\n\tb\u0007'), 'a\n\tb\\x07');
  const value = { text: '\u001b\u009b\u202e\n"' };
  assert.deepEqual(JSON.parse(printableJson(value)), value);
  assert.match(printableJson(value), /\\u009b\\u202e/);
});

test('a table clips the widest column that may be clipped, and never ids', () => {
  const rows = [{ id: 'x'.repeat(30), text: 'y'.repeat(80) }];
  const columns = [
    { title: 'ID', cell: (r: (typeof rows)[0]) => r.id, whole: true },
    { title: 'TEXT', cell: (r: (typeof rows)[0]) => r.text },
  ];
  const [, line = ''] = tableLines(columns, rows, 50);
  assert.equal(line, `${'x'.repeat(30)}  ${'y'.repeat(17)}…`);
  assert.equal(tableLines(columns, rows, null)[1], `${'x'.repeat(30)}  ${'y'.repeat(80)}`);
});

test('wide characters take two columns', () => {
  assert.equal(displayWidth('日本'), 4);
  assert.equal(fit('日本語', 5), '日本…');
  assert.equal(fit('7', 3, 'right'), '  7');
});

test('times and sizes', () => {
  const now = Date.parse('2026-11-02T12:00:00.000Z');
  assert.equal(relative('2026-11-02T12:43:20.000Z', now), 'in 43 min');
  assert.equal(relative('2026-11-02T09:59:00.000Z', now), '2 h ago');
  assert.equal(relative(null, now), '—');
  assert.equal(left('2026-11-02T11:00:00.000Z', now), 'none');
  assert.equal(bytesText(1536), '1.5 kB');
});

test('an address is taken apart, and what could turn the connection is taken away', () => {
  const dsn = parseDsn('postgres://sally_g_1:p%40ss@127.0.0.1:7071/orders?sslmode=require');
  assert.deepEqual(
    [dsn.host, dsn.port, dsn.user, dsn.database, dsn.password.reveal()],
    ['127.0.0.1', 7071, 'sally_g_1', 'orders', 'p@ss'],
  );
  const variables = dsnVariables(dsn);
  assert.equal(variables.PGSSLMODE, 'require');
  for (const name of ['PGHOSTADDR', 'PGSERVICE', 'PGOPTIONS']) assert.equal(variables[name], null);
  assert.doesNotMatch(JSON.stringify(dsn), /p@ss|p%40ss/);
  for (const bad of ['', 'mysql://u@h/d', 'postgres:///d', 'postgres://h/d']) {
    assert.throws(() => parseDsn(bad), { code: 'bad-dsn' });
  }
});
