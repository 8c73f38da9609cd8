// A new task for PostgreSQL targets: tables with the rights on them, functions, and where it may be asked for.

import { ActionIcon, Button, MultiSelect, Switch, Textarea, TextInput } from '@mantine/core';
import { IconTrash } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { type AddTaskBody, addTaskBody } from '../../src/api/targets.ts';
import { ApiFailure } from '../api/failure.ts';
import { queries } from '../api/query-client.ts';
import { addTask } from '../api/targets.ts';
import { FailureNote } from '../parts/failure-note.tsx';
import { problemsOf } from '../words/problems.ts';
import {
  emptyTable,
  TABLE_PRIVILEGES,
  type TableDraft,
  type TaskDraft,
  taskBodyOf,
} from '../words/task-draft.ts';
import styles from './add-target-form.module.css';

const START: TaskDraft = {
  name: '',
  description: '',
  segment: '',
  readOnly: true,
  tables: [emptyTable(1)],
  functions: '',
  sequences: '',
  actAs: '',
};

export function AddTaskForm() {
  const [draft, setDraft] = useState(START);
  const [problems, setProblems] = useState<Record<string, string>>({});
  const navigate = useNavigate();
  const adding = useMutation({
    mutationFn: (body: AddTaskBody) => addTask(body),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['tasks'] });
      await queries.invalidateQueries({ queryKey: ['targets'] });
      await navigate({ to: '/targets', search: { show: 'tasks' } });
    },
    onError: (error) => {
      if (error instanceof ApiFailure && error.field !== undefined)
        setProblems({ [error.field]: error.message });
    },
  });
  const change = (part: Partial<TaskDraft>) => setDraft((known) => ({ ...known, ...part }));
  const changeTable = (key: number, part: Partial<TableDraft>) =>
    change({ tables: draft.tables.map((table) => (table.key === key ? { ...table, ...part } : table)) });
  const setReadOnly = (readOnly: boolean) =>
    change({
      readOnly,
      ...(readOnly
        ? { tables: draft.tables.map((table) => ({ ...table, privileges: ['SELECT'] })), actAs: '' }
        : {}),
    });
  const send = (event: FormEvent) => {
    event.preventDefault();
    const body = addTaskBody.safeParse(taskBodyOf(draft));
    setProblems(body.success ? {} : problemsOf(body.error));
    if (body.success) adding.mutate(body.data);
  };
  return (
    <form onSubmit={send} className={`sp-panel sp-pad ${styles.form}`} noValidate>
      <fieldset className={styles.group}>
        <legend>What it is for</legend>
        <TextInput
          label="Name"
          placeholder="read-orders"
          value={draft.name}
          onChange={(event) => change({ name: event.currentTarget.value.trim() })}
          error={problems.name ?? null}
        />
        <TextInput
          label="Segment"
          description="Only there; everywhere when empty."
          placeholder="prod/eu/orders"
          value={draft.segment}
          onChange={(event) => change({ segment: event.currentTarget.value.trim() })}
          error={problems.segment ?? null}
        />
        <Textarea
          label="Description"
          placeholder="One sentence that an approver understands"
          value={draft.description}
          onChange={(event) => change({ description: event.currentTarget.value })}
          error={problems.description ?? null}
          maxLength={500}
        />
        <Switch
          color="moss.6"
          label="Read only"
          description="Nothing but SELECT."
          checked={draft.readOnly}
          onChange={(event) => setReadOnly(event.currentTarget.checked)}
        />
      </fieldset>
      <fieldset className={styles.tables}>
        <legend>Tables</legend>
        {draft.tables.map((table, position) => (
          <div key={table.key} className={styles.table}>
            <TextInput
              label="Table"
              placeholder="public.orders"
              value={table.name}
              onChange={(event) => changeTable(table.key, { name: event.currentTarget.value })}
            />
            <MultiSelect
              label="Rights"
              data={draft.readOnly ? ['SELECT'] : TABLE_PRIVILEGES}
              value={table.privileges}
              onChange={(privileges) => changeTable(table.key, { privileges })}
            />
            <TextInput
              label="Only these columns"
              placeholder="id, state"
              value={table.columns}
              onChange={(event) => changeTable(table.key, { columns: event.currentTarget.value })}
            />
            <ActionIcon
              aria-label={`Remove table ${position + 1}`}
              size="lg"
              color="gray"
              onClick={() => change({ tables: draft.tables.filter((kept) => kept.key !== table.key) })}
            >
              <IconTrash size={17} />
            </ActionIcon>
          </div>
        ))}
        <Button
          variant="default"
          size="xs"
          style={{ alignSelf: 'start' }}
          onClick={() =>
            change({
              tables: [
                ...draft.tables,
                emptyTable(1 + Math.max(0, ...draft.tables.map((table) => table.key))),
              ],
            })
          }
        >
          Another table
        </Button>
      </fieldset>
      <fieldset className={styles.group}>
        <legend>Beyond tables</legend>
        <Textarea
          label="Functions"
          description="One a line, with argument types."
          placeholder="public.refund(integer, text)"
          value={draft.functions}
          onChange={(event) => change({ functions: event.currentTarget.value })}
          autosize
          minRows={2}
        />
        <Textarea
          label="Sequences"
          description="One a line: inserting into a table with a serial column needs its sequence."
          placeholder="public.refunds_id_seq"
          value={draft.sequences}
          onChange={(event) => change({ sequences: event.currentTarget.value })}
          autosize
          minRows={2}
        />
        <TextInput
          label="Act as"
          description={
            draft.readOnly
              ? 'A role that owns what is changed; not for a task that is read only.'
              : 'A role that owns what is changed, for work on structure.'
          }
          placeholder="orders_owner"
          value={draft.actAs}
          disabled={draft.readOnly}
          onChange={(event) => change({ actAs: event.currentTarget.value })}
        />
      </fieldset>
      {adding.error === null ? null : <FailureNote error={adding.error} />}
      <div className="sp-row">
        <Button type="submit" loading={adding.isPending}>
          Add task
        </Button>
        <span className="sp-soft sp-small">{Object.values(problems)[0] ?? ''}</span>
      </div>
    </form>
  );
}
