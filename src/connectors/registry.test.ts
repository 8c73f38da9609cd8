// The border of the connectors: unknown JSON in, a valid type inside, errors that name the field.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { createRegistry } from './registry.ts';

const kind = createRegistry().kind('postgres');

describe('registry', () => {
  it('knows its kinds and no other', () => {
    assert.deepEqual(
      createRegistry()
        .kinds()
        .map((one) => one.kind),
      ['postgres', 'ssh'],
    );
    assert.throws(() => createRegistry().kind('oracle'), { code: 'unknown-kind', field: 'kind' });
  });

  it('fills in settings and names the wrong one', () => {
    assert.deepEqual(kind.parseSettings({ host: 'db.example', database: 'orders' }), {
      host: 'db.example',
      port: 5432,
      database: 'orders',
      tls: 'prefer',
    });
    for (const [settings, field] of [
      [{ host: 'db', database: 'orders', port: 0 }, 'settings.port'],
      [{ host: '', database: 'orders' }, 'settings.host'],
      [{ host: 'db host=evil', database: 'orders' }, 'settings.host'],
      [{ host: 'db', database: 'orders?host=evil' }, 'settings.database'],
      [{ host: 'db', database: 'orders', tls: 'maybe' }, 'settings.tls'],
      [{ host: 'db', database: 'orders', password: 'x' }, 'settings'],
      [null, 'settings'],
    ] as const)
      assert.throws(() => kind.parseSettings(settings), { code: 'invalid-input', field });
  });

  it('takes names in an entitlement and no SQL', () => {
    for (const [entitlement, field] of [
      [{ tables: [{ name: 'orders', privileges: ['SELECT'] }] }, 'entitlement.tables.0.name'],
      [{ tables: [{ name: 'public.orders; DROP', privileges: ['SELECT'] }] }, 'entitlement.tables.0.name'],
      [{ tables: [{ name: 'public.orders', privileges: ['TRIGGER'] }] }, 'entitlement.tables.0.privileges.0'],
      [
        { tables: [{ name: 'public.orders', privileges: ['DELETE'], columns: ['id'] }] },
        'entitlement.tables.0.privileges',
      ],
      [
        { tables: [{ name: 'public.orders', privileges: ['UPDATE'] }], readOnly: true },
        'entitlement.tables.0.privileges',
      ],
      [{ functions: [`public.f(int); DROP TABLE x; --()`] }, 'entitlement.functions.0'],
      [{ createIn: ['work'], readOnly: true }, 'entitlement.createIn'],
      [{ actAs: 'pg_read_all_data' }, 'entitlement.actAs'],
      [{ actAs: 'sp_quarantine_1' }, 'entitlement.actAs'],
      [{ statementTimeoutSeconds: 0, schemas: ['a'] }, 'entitlement.statementTimeoutSeconds'],
      [{}, 'entitlement.tables'],
      [{ schemas: ['a'], superuser: true }, 'entitlement'],
    ] as const)
      assert.throws(() => kind.parseEntitlement(entitlement), { code: 'invalid-input', field });
  });

  it('puts rights into words', () => {
    const rights = kind.rights({
      tables: [
        { name: 'public.orders', privileges: ['SELECT'] },
        { name: 'public.orders', privileges: ['UPDATE'], columns: ['status', 'note'] },
      ],
      functions: ['billing.refund(integer)'],
      actAs: 'app_owner',
    });
    assert.deepEqual(rights.slice(0, 3), [
      { verb: 'select', object: 'public.orders', words: 'read public.orders (all columns)' },
      { verb: 'update', object: 'public.orders', words: 'change status, note of public.orders' },
      { verb: 'execute', object: 'billing.refund(integer)', words: 'call billing.refund(integer)' },
    ]);
    assert.match(rights[3]?.words ?? '', /^act as app_owner/);
  });

  it('tells the gateway what sessions of a task get', () => {
    const task = { schemas: ['a'], database: 'other', guard: { allow: ['create-role'] } };
    assert.deepEqual(kind.session(task), {
      database: 'other',
      guard: {
        allow: ['create-role'],
        lists: { mode: 'enforce', relations: [], functions: [] },
        requireWhere: false,
      },
    });
    assert.deepEqual(kind.session({ schemas: ['a'] }), {
      database: null,
      guard: { allow: [], lists: { mode: 'enforce', relations: [], functions: [] }, requireWhere: false },
    });
    assert.deepEqual(kind.endpoint({ host: 'db', database: 'orders', tls: 'off' }), {
      host: 'db',
      port: 5432,
      database: 'orders',
      tls: 'off',
    });
  });

  it('draws its schemas as JSON Schema, for forms', () => {
    for (const schema of [kind.targetSchema, kind.entitlementSchema])
      assert.equal(z.toJSONSchema(schema, { io: 'input' }).type, 'object');
  });
});
