// What is asked for: the fields of the request form, which holds their values.

import { Textarea, TextInput } from '@mantine/core';
import type { Target, Task } from '../../src/api/targets.ts';
import { LONGEST_REASON } from '../../src/api/text.ts';
import { DurationChips } from '../parts/duration-chips.tsx';
import { durationProblem } from '../words/durations.ts';
import type { Wish } from '../words/wish.ts';
import { MemberFields } from './member-fields.tsx';
import { MoreMembers } from './more-members.tsx';
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
  const errorOf = (field: string) => (problem?.field === field ? problem.text : null);
  const problemsOf = (place: number) => ({
    target: (place === 1 ? errorOf('target') : null) ?? errorOf(`members.${place - 1}.target`),
    // One that is named twice is told of as a whole.
    task:
      (place === 1 ? errorOf('task') : null) ??
      errorOf(`members.${place - 1}.task`) ??
      errorOf(`members.${place - 1}`),
  });
  return (
    <>
      <MemberFields
        member={wish}
        change={change}
        targets={targets}
        tasks={tasks}
        problems={problemsOf(1)}
        place={1}
      />
      <MoreMembers
        more={wish.more}
        change={(more) => change({ more })}
        targets={targets}
        tasks={tasks}
        problemsOf={problemsOf}
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
