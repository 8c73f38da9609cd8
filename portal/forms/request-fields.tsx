// What is asked for: the fields of the request form, which holds their values.

import { Select, Textarea, TextInput } from '@mantine/core';
import type { Target, Task } from '../../src/api/targets.ts';
import { LONGEST_REASON } from '../../src/api/text.ts';
import { DurationChips } from '../parts/duration-chips.tsx';
import { PickOption } from '../parts/pick-option.tsx';
import { durationProblem } from '../words/durations.ts';
import type { Wish } from '../words/wish.ts';
import { StartField } from './start-field.tsx';

interface Props {
  wish: Wish;
  change: (part: Partial<Wish>) => void;
  targets: Target[];
  tasks: Task[];
  longestSeconds: number | null;
  problem: { field: string | undefined; text: string } | null;
}

const CHIPS = ['15m', '30m', '1h', '4h'];

export function RequestFields({ wish, change, targets, tasks, longestSeconds, problem }: Props) {
  const target = targets.find((known) => known.name === wish.target);
  const possible = target === undefined ? tasks : tasks.filter((task) => target.tasks.includes(task.name));
  const errorOf = (field: string) => (problem?.field === field ? problem.text : null);
  const targetNote = (name: string) => targets.find((known) => known.name === name);
  const pickTarget = (name: string | null) => {
    const picked = targetNote(name ?? '');
    const keeps = picked === undefined || picked.tasks.includes(wish.task);
    change({ target: name ?? '', ...(keeps ? {} : { task: '' }) });
  };
  return (
    <>
      <Select
        label="Target"
        placeholder="Search by name or segment"
        searchable
        value={wish.target === '' ? null : wish.target}
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
        error={errorOf('target')}
      />
      <Select
        label="Task"
        placeholder={target === undefined ? 'Search by name or purpose' : `What to do on ${target.name}`}
        searchable
        value={wish.task === '' ? null : wish.task}
        onChange={(name) => change({ task: name ?? '' })}
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
        error={errorOf('task')}
      />
      <DurationChips
        label="For how long"
        value={wish.duration}
        onChange={(duration) => change({ duration })}
        chips={CHIPS}
        longestSeconds={longestSeconds}
        error={errorOf('duration') ?? (wish.duration === '' ? null : durationProblem(wish.duration))}
      />
      <StartField
        value={wish.startsAt}
        onChange={(startsAt) => change({ startsAt })}
        error={errorOf('startsAt')}
      />
      <Textarea
        label="Reason"
        placeholder="What you are about to do, and what for"
        value={wish.reason}
        onChange={(event) => change({ reason: event.currentTarget.value.replaceAll('\n', ' ') })}
        autosize
        minRows={2}
        maxRows={8}
        maxLength={LONGEST_REASON}
        error={errorOf('reason')}
        required
        withAsterisk={false}
      />
      <TextInput
        label="Ticket"
        description="If there is one."
        placeholder="OPS-1234"
        value={wish.ticket}
        onChange={(event) => change({ ticket: event.currentTarget.value })}
        maxLength={100}
        error={errorOf('ticket')}
        maw={260}
      />
    </>
  );
}
