// One task on one target, picked from what there is: of a request, or of each member of a bundle.

import { Select } from '@mantine/core';
import type { Target, Task } from '../../src/api/targets.ts';
import { PickOption } from '../parts/pick-option.tsx';
import type { WishMember } from '../words/wish.ts';

interface Props {
  member: WishMember;
  change: (member: WishMember) => void;
  targets: Target[];
  tasks: Task[];
  problems: { target: string | null; task: string | null };
  /** Told from the first by this; 1 is the first. */
  place: number;
}

export function MemberFields({ member, change, targets, tasks, problems, place }: Props) {
  const target = targets.find((known) => known.name === member.target);
  const possible = target === undefined ? tasks : tasks.filter((task) => target.tasks.includes(task.name));
  const targetNote = (name: string) => targets.find((known) => known.name === name);
  const label = (word: string) => (place === 1 ? word : `${word} ${place}`);
  const pickTarget = (name: string | null) => {
    const picked = targetNote(name ?? '');
    const keeps = picked === undefined || picked.tasks.includes(member.task);
    change({ target: name ?? '', task: keeps ? member.task : '' });
  };
  return (
    <>
      <Select
        label={label('Target')}
        placeholder="Search by name or segment"
        searchable
        value={member.target === '' ? null : member.target}
        onChange={pickTarget}
        data={targets.map((known) => ({ value: known.name, label: known.name }))}
        filter={({ options, search }) =>
          options.filter((option) => {
            if (!('value' in option)) return true;
            const known = targetNote(option.value);
            return `${known?.name} ${known?.segment} ${known?.kind}`.includes(search.trim().toLowerCase());
          })
        }
        renderOption={({ option }) => (
          <PickOption
            name={option.label}
            note={`${targetNote(option.value)?.segment ?? ''} · ${targetNote(option.value)?.kind ?? ''}`}
          />
        )}
        nothingFoundMessage="No target of that name."
        error={problems.target}
      />
      <Select
        label={label('Task')}
        placeholder={target === undefined ? 'Search by name or purpose' : `What to do on ${target.name}`}
        searchable
        value={member.task === '' ? null : member.task}
        onChange={(name) => change({ target: member.target, task: name ?? '' })}
        data={possible.map((task) => ({ value: task.name, label: task.name }))}
        filter={({ options, search }) =>
          options.filter((option) => {
            if (!('value' in option)) return true;
            const task = possible.find((known) => known.name === option.value);
            return `${task?.name} ${task?.description} ${task?.rights.join(' ')}`
              .toLowerCase()
              .includes(search.trim().toLowerCase());
          })
        }
        renderOption={({ option }) => (
          <PickOption
            name={option.label}
            note={possible.find((task) => task.name === option.value)?.description ?? ''}
          />
        )}
        nothingFoundMessage="No task of that name for this target."
        error={problems.task}
      />
    </>
  );
}
