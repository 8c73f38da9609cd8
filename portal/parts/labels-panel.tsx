// Which columns of a target hold personal or secret data: what is labelled, what looks as if it should be, and adding one.
// What a change ends is said before it is made.

import { Button } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { ColumnLabel, SetLabelsBody, SuggestedLabel, SuggestedLabels } from '../../src/api/labels.ts';
import type { Me } from '../../src/api/people.ts';
import { labelsQuery, setLabels, suggestLabels } from '../api/labels.ts';
import { AddLabelForm } from '../forms/add-label-form.tsx';
import { counted } from '../words/counts.ts';
import { suggestionText } from '../words/labels.ts';
import { mayAdminister } from '../words/may.ts';
import { FailureNote } from './failure-note.tsx';
import styles from './labels-panel.module.css';
import { Loaded } from './loaded.tsx';
import { WhyButton } from './why-button.tsx';

export function LabelsPanel({ target, me }: { target: string; me: Me }) {
  const labels = useQuery(labelsQuery(target));
  const [found, setFound] = useState<SuggestedLabels | null>(null);
  const suggesting = useMutation({
    mutationFn: (sample: 'yes' | 'no') => suggestLabels(target, sample),
    onSuccess: setFound,
  });
  const setting = useMutation({
    mutationFn: (change: SetLabelsBody['labels']) => setLabels(target, change),
    onSuccess: (_, change) => {
      const done = new Set(change.map((one) => one.column));
      setFound((before) =>
        before === null ? null : { ...before, items: before.items.filter((one) => !done.has(one.column)) },
      );
    },
  });
  const mayNot = mayAdminister(me);
  return (
    <section className="sp-section" aria-labelledby="labels">
      <div className="sp-row">
        <h2 id="labels">Labelled columns</h2>
        <WhyButton
          variant="default"
          size="xs"
          ml="auto"
          mayNot={mayNot}
          loading={suggesting.isPending}
          onClick={() => suggesting.mutate('yes')}
        >
          Suggest labels
        </WhyButton>
        <WhyButton
          variant="subtle"
          size="xs"
          mayNot={mayNot}
          disabled={suggesting.isPending}
          onClick={() => suggesting.mutate('no')}
        >
          By names only
        </WhyButton>
      </div>
      <p className="sp-soft">
        Policy masks by these labels. A change ends the masked sessions that are open on {target}: their
        clients connect again and get the new masks.
      </p>
      {suggesting.error === null ? null : <FailureNote error={suggesting.error} />}
      {setting.error === null ? null : <FailureNote error={setting.error} />}
      {found === null ? null : (
        <Suggestions
          items={found.items}
          tables={found.tables}
          busy={setting.isPending}
          onConfirm={(items) =>
            setting.mutate(items.map(({ database, column, label }) => ({ database, column, label })))
          }
        />
      )}
      <Loaded query={labels} rows={2} rowHeight={44}>
        {(items) => (
          <Labelled
            items={items}
            may={mayNot === null}
            busy={setting.isPending}
            onRemove={({ database, column }) => setting.mutate([{ database, column, label: null }])}
          />
        )}
      </Loaded>
      {mayNot === null ? (
        <AddLabelForm busy={setting.isPending} onAdd={(one) => setting.mutateAsync([one])} />
      ) : null}
    </section>
  );
}

function Labelled(props: {
  items: ColumnLabel[];
  may: boolean;
  busy: boolean;
  onRemove: (label: ColumnLabel) => void;
}) {
  const { items, may, busy, onRemove } = props;
  if (items.length === 0) return <p>No column is labelled, so nothing is masked by a label here.</p>;
  return (
    <ul className={`sp-panel ${styles.list}`} aria-label="Labelled columns">
      {items.map((one) => (
        <li key={`${one.database} ${one.column}`} className={styles.line}>
          <code className={styles.column}>{one.column}</code>
          <span className={styles.label}>{one.label}</span>
          <span className={styles.note}>
            {one.database}, by {one.setBy}
          </span>
          {may ? (
            <Button
              size="xs"
              variant="subtle"
              color="ember"
              disabled={busy}
              aria-label={`Take the label of ${one.column} away`}
              onClick={() => onRemove(one)}
            >
              Take away
            </Button>
          ) : null}
        </li>
      ))}
    </ul>
  );
}

function Suggestions(props: {
  items: SuggestedLabel[];
  tables: { sampled: number; unread: number };
  busy: boolean;
  onConfirm: (items: SuggestedLabel[]) => void;
}) {
  const { items, tables, busy, onConfirm } = props;
  const looked =
    tables.sampled + tables.unread === 0
      ? 'Looked at names only.'
      : `Read samples of ${counted(tables.sampled, 'table')}; ${tables.unread} could not be read.`;
  return (
    <div className="sp-stack">
      <div className="sp-row">
        <p className="sp-soft" role="status">
          {items.length === 0 ? 'Nothing that is not labelled looks like it.' : ''} {looked}
        </p>
        {items.length > 1 ? (
          <Button size="xs" ml="auto" loading={busy} onClick={() => onConfirm(items)}>
            Confirm all {items.length}
          </Button>
        ) : null}
      </div>
      {items.length === 0 ? null : (
        <ul className={`sp-panel ${styles.list}`} aria-label="Suggested labels">
          {items.map((one) => (
            <li key={`${one.database} ${one.column}`} className={styles.line} data-suggested="true">
              <code className={styles.column}>{one.column}</code>
              <span className={styles.label}>{one.label}</span>
              <span className={styles.note}>{suggestionText(one)}</span>
              <Button
                size="xs"
                variant="default"
                disabled={busy}
                aria-label={`Confirm ${one.label} for ${one.column}`}
                onClick={() => onConfirm([one])}
              >
                Confirm
              </Button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
