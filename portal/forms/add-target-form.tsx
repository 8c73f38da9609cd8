// A new target: what it is called, where it hangs on the tree of segments, and what its kind needs.

import { Button, SegmentedControl, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { type AddTargetBody, addTargetBody } from '../../src/api/targets.ts';
import { ApiFailure } from '../api/failure.ts';
import { queries } from '../api/query-client.ts';
import { addTarget, checkTarget } from '../api/targets.ts';
import { FailureNote } from '../parts/failure-note.tsx';
import { problemsOf } from '../words/problems.ts';
import styles from './add-target-form.module.css';
import { DatabaseFields, databaseBody, NO_DATABASE } from './database-fields.tsx';
import { HostFields, hostBody, hostProblems, NO_HOST } from './host-fields.tsx';

const KINDS = [
  { value: 'postgres', label: 'PostgreSQL' },
  { value: 'ssh', label: 'Host (SSH)' },
];
const START = { name: '', segment: '', environment: 'prod', sensitivity: 'normal', owner: '' };
type Fields = typeof START;

export function AddTargetForm() {
  const [kind, setKind] = useState('postgres');
  const [fields, setFields] = useState(START);
  const [database, setDatabase] = useState(NO_DATABASE);
  const [host, setHost] = useState(NO_HOST);
  const [problems, setProblems] = useState<Record<string, string>>({});
  const navigate = useNavigate();
  const adding = useMutation({
    mutationFn: async (body: AddTargetBody) => {
      const added = await addTarget(body);
      // A host is of no use before it was prepared, which the check tells how. What it cannot say now it says later.
      if (body.kind === 'ssh') await checkTarget(added.name).catch(() => undefined);
      return added;
    },
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
    const { owner, ...common } = fields;
    const body = addTargetBody.safeParse({
      ...common,
      kind,
      ...(owner === '' ? {} : { owner }),
      ...(kind === 'ssh' ? hostBody(host) : databaseBody(database)),
    });
    const found = {
      ...(kind === 'ssh' ? hostProblems(host) : {}),
      ...(body.success ? {} : problemsOf(body.error)),
    };
    setProblems(found);
    if (body.success && Object.keys(found).length === 0) adding.mutate(body.data);
  };
  const text = (name: keyof Fields) => ({
    value: fields[name],
    onChange: (event: { currentTarget: { value: string } }) =>
      setFields({ ...fields, [name]: event.currentTarget.value.trim() }),
    error: problems[name] ?? null,
  });
  return (
    <form onSubmit={send} className={`sp-panel sp-pad ${styles.form}`} noValidate autoComplete="off">
      <SegmentedControl
        aria-label="Kind"
        value={kind}
        onChange={(value) => {
          setKind(value);
          setProblems({});
        }}
        data={KINDS}
      />
      <fieldset className={styles.group}>
        <legend>What it is called</legend>
        <TextInput label="Name" placeholder={kind === 'ssh' ? 'web-1' : 'orders-db'} {...text('name')} />
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
      {kind === 'ssh' ? (
        <HostFields fields={host} set={setHost} problems={problems} />
      ) : (
        <DatabaseFields fields={database} set={setDatabase} problems={problems} />
      )}
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
