// A new target: where it is, where it hangs on the tree of segments, and the administrator's login there, which is
// sealed before it is stored and never shown again.

import { Button, NumberInput, PasswordInput, SegmentedControl, Select, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { type AddTargetBody, addTargetBody } from '../../src/api/targets.ts';
import { ApiFailure } from '../api/failure.ts';
import { queries } from '../api/query-client.ts';
import { addTarget } from '../api/targets.ts';
import { FailureNote } from '../parts/failure-note.tsx';
import { problemsOf } from '../words/problems.ts';
import styles from './add-target-form.module.css';

const START = {
  name: '',
  segment: '',
  environment: 'prod',
  sensitivity: 'normal',
  owner: '',
  host: '',
  port: 5432,
  database: '',
  tls: 'prefer',
  user: '',
  password: '',
};
type Fields = typeof START;

function bodyOf(fields: Fields) {
  return addTargetBody.safeParse({
    name: fields.name,
    kind: 'postgres',
    segment: fields.segment,
    environment: fields.environment,
    sensitivity: fields.sensitivity,
    ...(fields.owner === '' ? {} : { owner: fields.owner }),
    settings: { host: fields.host, port: fields.port, database: fields.database, tls: fields.tls },
    admin: { user: fields.user, password: fields.password },
  });
}

export function AddTargetForm() {
  const [fields, setFields] = useState(START);
  const [problems, setProblems] = useState<Record<string, string>>({});
  const navigate = useNavigate();
  const adding = useMutation({
    mutationFn: (body: AddTargetBody) => addTarget(body),
    onSuccess: async (target) => {
      await queries.invalidateQueries({ queryKey: ['targets'] });
      await navigate({ to: '/targets/$name', params: { name: target.name } });
    },
    onError: (error) => {
      if (error instanceof ApiFailure && error.field !== undefined)
        setProblems({ [error.field]: error.message });
    },
  });
  const send = (event: FormEvent) => {
    event.preventDefault();
    const body = bodyOf(fields);
    setProblems(body.success ? {} : problemsOf(body.error));
    if (body.success) adding.mutate(body.data);
  };
  const text = (name: keyof Fields, wire: string = name) => ({
    value: String(fields[name]),
    onChange: (event: { currentTarget: { value: string } }) =>
      setFields({ ...fields, [name]: event.currentTarget.value.trim() }),
    error: problems[wire] ?? null,
  });
  return (
    <form onSubmit={send} className={`sp-panel sp-pad ${styles.form}`} noValidate autoComplete="off">
      <fieldset className={styles.group}>
        <legend>What it is called</legend>
        <TextInput label="Name" placeholder="orders-db" {...text('name')} />
        <TextInput
          label="Segment"
          placeholder="prod/eu/orders"
          description="Policy speaks of segments."
          {...text('segment')}
        />
        <TextInput label="Environment" placeholder="prod" {...text('environment')} />
        <div>
          <span className={styles.label}>Sensitivity</span>
          <SegmentedControl
            aria-label="Sensitivity"
            value={fields.sensitivity}
            onChange={(sensitivity) => setFields({ ...fields, sensitivity })}
            data={['low', 'normal', 'high']}
          />
        </div>
        <TextInput label="Owner" description="A principal or group, if one is named." {...text('owner')} />
      </fieldset>
      <fieldset className={styles.group}>
        <legend>Where it is</legend>
        <TextInput label="Host" placeholder="db.internal" {...text('host', 'settings.host')} />
        <NumberInput
          label="Port"
          value={fields.port}
          onChange={(port) => setFields({ ...fields, port: Number(port) })}
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
          onChange={(tls) => setFields({ ...fields, tls: tls ?? 'prefer' })}
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
          onChange={(event) => setFields({ ...fields, password: event.currentTarget.value })}
          error={problems['admin.password'] ?? null}
        />
      </fieldset>
      {adding.error === null ? null : <FailureNote error={adding.error} />}
      <div className="sp-row">
        <Button type="submit" loading={adding.isPending}>
          Add target
        </Button>
        <span className="sp-soft sp-small">
          {Object.keys(problems).length > 0 ? 'Some fields need another look.' : ''}
        </span>
      </div>
    </form>
  );
}
