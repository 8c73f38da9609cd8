// One column and its label, checked by the schema of the wire before it is sent.

import { Button, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { type SetLabelsBody, setLabelsBody } from '../../src/api/labels.ts';
import { problemsOf } from '../words/problems.ts';
import styles from './target-change-form.module.css';

interface Props {
  busy: boolean;
  /** Rejects when the server refused; whoever calls shows why. */
  onAdd: (label: SetLabelsBody['labels'][number]) => Promise<unknown>;
}

export function AddLabelForm({ busy, onAdd }: Props) {
  const [column, setColumn] = useState('');
  const [label, setLabel] = useState('');
  const [problems, setProblems] = useState<Record<string, string>>({});
  const send = (event: FormEvent) => {
    event.preventDefault();
    const body = setLabelsBody.safeParse({ labels: [{ column: column.trim(), label: label.trim() }] });
    setProblems(body.success ? {} : problemsOf(body.error));
    const [one] = body.data?.labels ?? [];
    if (one === undefined) return;
    onAdd(one).then(
      () => setColumn(''),
      () => undefined,
    );
  };
  return (
    <form onSubmit={send} className={styles.line} noValidate autoComplete="off" aria-label="Label a column">
      <TextInput
        label="Column"
        placeholder="public.customers.email"
        value={column}
        onChange={(event) => setColumn(event.currentTarget.value)}
        error={problems['labels.0.column'] ?? null}
      />
      <TextInput
        label="Label"
        placeholder="pii"
        value={label}
        onChange={(event) => setLabel(event.currentTarget.value)}
        error={problems['labels.0.label'] ?? null}
      />
      <Button type="submit" variant="default" loading={busy} className={styles.send}>
        Label it
      </Button>
    </form>
  );
}
