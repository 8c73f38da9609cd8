// Beside the request form: what the task may do, in words, and the decision as it will be.

import { Button } from '@mantine/core';
import type { Preview } from '../../src/api/requests.ts';
import type { Task } from '../../src/api/targets.ts';
import { describeDuration, formatDuration } from '../../src/base/duration.ts';
import { secondsOf } from '../words/durations.ts';
import { DecisionView } from './decision-view.tsx';
import { FailureNote } from './failure-note.tsx';
import styles from './request-outlook.module.css';
import { RightsList } from './rights-list.tsx';

interface Props {
  task: Task | undefined;
  preview: Preview | undefined;
  error: unknown;
  fetching: boolean;
  asked: string;
  onTakeLongest: (duration: string) => void;
}

export function RequestOutlook({ task, preview, error, fetching, asked, onTakeLongest }: Props) {
  const longest = preview?.longestSeconds ?? null;
  const shorterHelps =
    preview?.decision.outcome === 'deny' && longest !== null && (secondsOf(asked) ?? 0) > longest;
  return (
    <aside className={styles.side} aria-label="What will happen">
      <section className={styles.part}>
        <h2>{task === undefined ? 'What it may do' : `${task.name} may`}</h2>
        {task === undefined ? (
          <p className="sp-soft">Choose a task, and its rights are listed here in words.</p>
        ) : (
          <>
            <RightsList rights={task.rights} />
            <p className="sp-soft sp-small">{task.description}</p>
          </>
        )}
      </section>
      <section className={styles.part} aria-live="polite" data-fetching={fetching}>
        <h2>The decision</h2>
        {error !== null && error !== undefined ? (
          <FailureNote error={error} />
        ) : preview === undefined ? (
          <p className="sp-soft">With a target, a task and a duration, policy tells here what it will say.</p>
        ) : (
          <>
            <DecisionView
              decision={preview.decision}
              longestSeconds={longest}
              enough={preview.enough}
              limits={preview.limits}
            />
            {shorterHelps ? (
              <Button variant="default" size="sm" onClick={() => onTakeLongest(formatDuration(longest))}>
                Ask for {describeDuration(longest)} instead
              </Button>
            ) : null}
          </>
        )}
      </section>
    </aside>
  );
}
