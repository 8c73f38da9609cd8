// What to look for in the log.

import { Button, Select, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { type FormEvent, useState } from 'react';
import type { AuditSearch } from '../api/audit.ts';
import styles from './audit-search-form.module.css';

const SPANS = { hour: 3_600_000, day: 86_400_000, week: 7 * 86_400_000, month: 30 * 86_400_000 } as const;
const SPAN_WORDS = [
  { value: 'any', label: 'Any time' },
  { value: 'hour', label: 'Last hour' },
  { value: 'day', label: 'Last day' },
  { value: 'week', label: 'Last week' },
  { value: 'month', label: 'Last 30 days' },
];

interface Props {
  search: AuditSearch;
  onSearch: (search: AuditSearch) => void;
}

const orNothing = (text: string) => (text.trim() === '' ? undefined : text.trim());

export function AuditSearchForm({ search, onSearch }: Props) {
  const [text, setText] = useState(search.text ?? '');
  const [actor, setActor] = useState(search.actor ?? '');
  const [target, setTarget] = useState(search.target ?? '');
  const [kind, setKind] = useState(search.kind ?? '');
  const [span, setSpan] = useState(spanOf(search.from));
  const send = (event: FormEvent) => {
    event.preventDefault();
    onSearch({
      text: orNothing(text),
      actor: orNothing(actor),
      target: orNothing(target),
      kind: orNothing(kind),
      from: fromOf(span),
    });
  };
  const filled = [text, actor, target, kind].some((value) => value !== '') || span !== 'any';
  return (
    <search>
      <form onSubmit={send} className={styles.form}>
        <TextInput
          className={styles.text ?? ''}
          label="Search the log"
          placeholder="A word, a reason, an id"
          leftSection={<IconSearch size={16} />}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          maxLength={200}
        />
        <TextInput
          label="Who"
          placeholder="engineer"
          value={actor}
          onChange={(event) => setActor(event.currentTarget.value)}
          maxLength={100}
        />
        <TextInput
          label="Target"
          placeholder="orders-db"
          value={target}
          onChange={(event) => setTarget(event.currentTarget.value)}
          maxLength={100}
        />
        <TextInput
          label="Kind"
          placeholder="grant.revoked"
          value={kind}
          onChange={(event) => setKind(event.currentTarget.value)}
          maxLength={60}
        />
        <Select
          label="When"
          data={SPAN_WORDS}
          value={span}
          onChange={(value) => setSpan(value ?? 'any')}
          allowDeselect={false}
        />
        <div className="sp-row">
          <Button type="submit">Search</Button>
          {filled ? (
            <Button variant="subtle" onClick={() => onSearch({})}>
              Clear
            </Button>
          ) : null}
        </div>
      </form>
    </search>
  );
}

const fromOf = (span: string) =>
  span === 'hour' || span === 'day' || span === 'week' || span === 'month'
    ? new Date(Date.now() - SPANS[span]).toISOString()
    : undefined;

// The address keeps the moment; the form shows the span that it came from.
function spanOf(from: string | undefined): string {
  if (from === undefined) return 'any';
  const age = Date.now() - Date.parse(from);
  if (age < 2 * SPANS.hour) return 'hour';
  if (age < 2 * SPANS.day) return 'day';
  return age < 2 * SPANS.week ? 'week' : 'month';
}
