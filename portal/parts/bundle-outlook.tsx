// Beside the request form of a bundle: each member with what it may do and how it would be decided by itself. The
// strictest answer holds for all.

import { useQuery } from '@tanstack/react-query';
import type { PreviewBody } from '../../src/api/requests.ts';
import type { Task } from '../../src/api/targets.ts';
import { previewQuery } from '../api/requests.ts';
import { counted } from '../words/counts.ts';
import { DecisionView } from './decision-view.tsx';
import { FailureNote } from './failure-note.tsx';
import styles from './request-outlook.module.css';
import { RightsList } from './rights-list.tsx';

interface Props {
  members: { target: string; task: string }[];
  tasks: Task[];
  /** Of each, in this order; null while something of it is missing. */
  previews: (PreviewBody | null)[];
}

export function BundleOutlook({ members, tasks, previews }: Props) {
  return (
    <aside className={styles.side} aria-label="What will happen">
      <section className={styles.part}>
        <h2>{counted(members.length, 'task')} together</h2>
        <p className="sp-soft">
          All of them are granted or none. Each is decided as if it were asked for alone; one that is refused
          refuses all, and whoever approves approves all.
        </p>
      </section>
      {members.map((member, at) => (
        <MemberOutlook
          // biome-ignore lint/suspicious/noArrayIndexKey: two may be alike while one is being picked.
          key={`${at} ${member.target} ${member.task}`}
          name={member.target === '' || member.task === '' ? '' : `${member.task} on ${member.target}`}
          task={tasks.find((known) => known.name === member.task)}
          asked={previews[at] ?? null}
        />
      ))}
    </aside>
  );
}

function MemberOutlook({
  name,
  task,
  asked,
}: {
  name: string;
  task: Task | undefined;
  asked: PreviewBody | null;
}) {
  const outlook = useQuery(previewQuery(asked));
  if (name === '') return null;
  return (
    <section className={styles.part} aria-label={name} data-fetching={outlook.isFetching}>
      <h2>{name}</h2>
      {task === undefined ? null : <RightsList rights={task.rights} />}
      {asked === null ? null : outlook.error !== null ? (
        <FailureNote error={outlook.error} />
      ) : outlook.data === undefined ? null : (
        <DecisionView
          decision={outlook.data.decision}
          longestSeconds={outlook.data.longestSeconds}
          enough={outlook.data.enough}
          limits={outlook.data.limits}
        />
      )}
    </section>
  );
}
