// What is asked for beside the first task: then it is a bundle, of which all is granted or none.

import { Button } from '@mantine/core';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import type { Target, Task } from '../../src/api/targets.ts';
import { MOST_MORE, type MoreMember } from '../words/wish.ts';
import { MemberFields } from './member-fields.tsx';
import styles from './more-members.module.css';

interface Props {
  more: MoreMember[];
  change: (more: MoreMember[]) => void;
  targets: Target[];
  tasks: Task[];
  /** What the server said of one of them; `place` counts from 1, which is the first of all. */
  problemsOf: (place: number) => { target: string | null; task: string | null };
}

export function MoreMembers({ more, change, targets, tasks, problemsOf }: Props) {
  const add = () =>
    change([...more, { key: Math.max(0, ...more.map((one) => one.key)) + 1, target: '', task: '' }]);
  return (
    <>
      {more.map((member, at) => (
        <fieldset key={member.key} className={styles.member}>
          <legend>And, or none of it</legend>
          <MemberFields
            member={member}
            change={(next) =>
              change(more.map((one) => (one.key === member.key ? { ...next, key: one.key } : one)))
            }
            targets={targets}
            tasks={tasks}
            problems={problemsOf(at + 2)}
            place={at + 2}
          />
          <div>
            <Button
              variant="subtle"
              size="xs"
              leftSection={<IconTrash size={15} />}
              aria-label={`Leave out target ${at + 2}`}
              onClick={() => change(more.filter((one) => one.key !== member.key))}
            >
              Leave it out
            </Button>
          </div>
        </fieldset>
      ))}
      {more.length >= MOST_MORE ? null : (
        <div>
          <Button variant="default" size="xs" leftSection={<IconPlus size={15} />} onClick={add}>
            Add another target or task
          </Button>
        </div>
      )}
    </>
  );
}
