// Asking: the fields at the left, what policy will say at the right, before anything is sent.

import { Button } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import type { Target, Task } from '../../src/api/targets.ts';
import { ApiFailure } from '../api/failure.ts';
import { queries } from '../api/query-client.ts';
import { previewQuery, requestQuery, submit, submitBundle } from '../api/requests.ts';
import { BundleOutlook } from '../parts/bundle-outlook.tsx';
import { FailureNote } from '../parts/failure-note.tsx';
import { RequestOutlook } from '../parts/request-outlook.tsx';
import { listText } from '../words/counts.ts';
import { bodyOf, bundleOf, membersOf, missingIn, previewOf, type Wish } from '../words/wish.ts';
import { RequestFields } from './request-fields.tsx';
import styles from './request-form.module.css';

const TYPING_PAUSE_MS = 250;
/** At these the form tells what the server said; all else stands below. */
const FIELDS = /^(target|task|duration|reason|ticket|startsAt|members\.\d+(\.(target|task))?)$/;

interface Props {
  start: Wish;
  targets: Target[];
  tasks: Task[];
}

export function RequestForm({ start, targets, tasks }: Props) {
  const [wish, setWish] = useState(start);
  const [told, setTold] = useState(false);
  const navigate = useNavigate();
  const [paused] = useDebouncedValue(wish, TYPING_PAUSE_MS);
  const asked = previewOf(paused);
  const outlook = useQuery(previewQuery(asked));
  const asking = useMutation({
    mutationFn: () => (wish.more.length === 0 ? submit(bodyOf(wish)) : submitBundle(bundleOf(wish))),
    onSuccess: async (answer) => {
      queries.setQueryData(requestQuery(answer.request.id).queryKey, answer);
      void queries.invalidateQueries({ queryKey: ['requests', 'list'] });
      void queries.invalidateQueries({ queryKey: ['grants'] });
      await navigate({ to: '/requests/$id', params: { id: answer.request.id } });
    },
  });
  const missing = missingIn(wish);
  const failure = asking.error instanceof ApiFailure ? asking.error : null;
  const atField = failure?.field !== undefined && FIELDS.test(failure.field);
  const task = tasks.find((known) => known.name === wish.task);
  const current = previewOf(wish) === null ? undefined : outlook.data;

  const send = (event: FormEvent) => {
    event.preventDefault();
    setTold(true);
    if (missing.length === 0) asking.mutate();
  };
  const change = (part: Partial<Wish>) => {
    setWish((known) => ({ ...known, ...part }));
    if (asking.error !== null) asking.reset();
  };

  return (
    <form onSubmit={send} className={styles.form} noValidate>
      <div className={`sp-panel sp-pad ${styles.fields}`}>
        <RequestFields
          wish={wish}
          change={change}
          targets={targets}
          tasks={tasks}
          longestSeconds={current?.longestSeconds ?? null}
          problem={failure === null ? null : { field: failure.field, text: failure.message }}
        />
        {asking.error === null || atField ? null : <FailureNote error={asking.error} />}
        <div className="sp-row">
          <Button type="submit" size="md" loading={asking.isPending}>
            Request access
          </Button>
          <p className="sp-soft sp-small" aria-live="polite">
            {told && missing.length > 0 ? `Still missing: ${listText(missing)}.` : ''}
          </p>
        </div>
      </div>
      {wish.more.length === 0 ? (
        <RequestOutlook
          task={task}
          preview={current}
          error={previewOf(wish) === null ? null : outlook.error}
          fetching={outlook.isFetching}
          onTakeLongest={(duration) => change({ duration })}
          asked={wish.duration}
        />
      ) : (
        <BundleOutlook
          members={membersOf(wish)}
          tasks={tasks}
          previews={membersOf(paused).map((member) => previewOf({ ...paused, ...member }))}
        />
      )}
    </form>
  );
}
