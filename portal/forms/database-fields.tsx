// Where a database is, and its administrator's login, which is sealed before it is stored and never shown again.

import { NumberInput, PasswordInput, Select, TextInput } from '@mantine/core';
import styles from './add-target-form.module.css';
import type { KindFields } from './target-fields.ts';

export const NO_DATABASE = {
  host: '',
  port: 5432,
  database: '',
  tls: 'prefer',
  user: '',
  password: '',
};

/** For the wire's body. */
export const databaseBody = ({ user, password, ...settings }: typeof NO_DATABASE) => ({
  settings,
  admin: { user, password },
});

export function DatabaseFields({ fields, set, problems }: KindFields<typeof NO_DATABASE>) {
  const text = (name: keyof typeof NO_DATABASE, wire: string) => ({
    value: String(fields[name]),
    onChange: (event: { currentTarget: { value: string } }) =>
      set({ ...fields, [name]: event.currentTarget.value.trim() }),
    error: problems[wire] ?? null,
  });
  return (
    <>
      <fieldset className={styles.group}>
        <legend>Where it is</legend>
        <TextInput label="Host" placeholder="db.internal" {...text('host', 'settings.host')} />
        <NumberInput
          label="Port"
          value={fields.port}
          onChange={(port) => set({ ...fields, port: Number(port) })}
          min={1}
          max={65_535}
          hideControls
          error={problems['settings.port'] ?? null}
        />
        <TextInput label="Database" placeholder="orders" {...text('database', 'settings.database')} />
        <Select
          label="TLS"
          data={['off', 'prefer', 'require']}
          value={fields.tls}
          onChange={(tls) => set({ ...fields, tls: tls ?? 'prefer' })}
          allowDeselect={false}
        />
      </fieldset>
      <fieldset className={styles.group}>
        <legend>Its administrator’s login</legend>
        <p className="sp-soft sp-small">
          It needs CREATEROLE and the right to signal backends, not superuser. The check that follows prints
          the SQL that is missing.
        </p>
        <TextInput label="User" placeholder="sallyport" {...text('user', 'admin.user')} />
        <PasswordInput
          label="Password"
          autoComplete="new-password"
          value={fields.password}
          onChange={(event) => set({ ...fields, password: event.currentTarget.value })}
          error={problems['admin.password'] ?? null}
        />
      </fieldset>
    </>
  );
}
