// The circumstances of a decision: who asks for what, for how long, from where and when.

import { Autocomplete, Select, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { Me } from '../../src/api/people.ts';
import type { Target, Task } from '../../src/api/targets.ts';
import { principalsQuery } from '../api/people.ts';
import { DurationChips } from '../parts/duration-chips.tsx';
import { durationProblem } from '../words/durations.ts';
import type { WhatIf } from '../words/what-if.ts';
import styles from './what-if-fields.module.css';

interface Props {
  form: WhatIf;
  change: (part: Partial<WhatIf>) => void;
  me: Me;
  targets: Target[];
  tasks: Task[];
  problems: Record<string, string>;
}

const CHIPS = ['15m', '1h', '4h', '8h'];

export function WhatIfFields({ form, change, me, targets, tasks, problems }: Props) {
  const target = targets.find((known) => known.name === form.target);
  const offered = target === undefined ? tasks : tasks.filter((task) => target.tasks.includes(task.name));
  const pickTarget = (name: string | null) => {
    const picked = targets.find((known) => known.name === name);
    const keeps = picked === undefined || picked.tasks.includes(form.task);
    change({ target: name ?? '', ...(keeps ? {} : { task: '' }) });
  };
  return (
    <div className={styles.fields}>
      <Who form={form} change={change} me={me} problem={problems.principal} />
      <Select
        label="Target"
        placeholder="Search by name"
        searchable
        value={form.target === '' ? null : form.target}
        onChange={pickTarget}
        data={targets.map((known) => known.name)}
        nothingFoundMessage="No target of that name."
      />
      <Select
        label="Task"
        placeholder={target === undefined ? 'Search by name' : `What to do on ${target.name}`}
        searchable
        value={form.task === '' ? null : form.task}
        onChange={(name) => change({ task: name ?? '' })}
        data={offered.map((task) => task.name)}
        nothingFoundMessage="No task of that name for this target."
      />
      <div className={styles.wide}>
        <DurationChips
          label="For how long"
          value={form.duration}
          onChange={(duration) => change({ duration })}
          chips={CHIPS}
          error={form.duration === '' ? null : durationProblem(form.duration)}
        />
      </div>
      <TextInput
        label="From the address"
        placeholder="Where you are now"
        value={form.sourceAddress}
        onChange={(event) => change({ sourceAddress: event.currentTarget.value.trim() })}
        error={problems.sourceAddress ?? null}
        maxLength={60}
      />
      <TextInput
        type="datetime-local"
        label="At"
        description="Your own time zone; empty for now."
        value={form.at}
        onChange={(event) => change({ at: event.currentTarget.value })}
        error={problems.at ?? null}
      />
      <TextInput
        label="Ticket"
        placeholder="None"
        value={form.ticket}
        onChange={(event) => change({ ticket: event.currentTarget.value })}
        error={problems.ticket ?? null}
        maxLength={100}
      />
    </div>
  );
}

interface WhoProps {
  form: WhatIf;
  change: (part: Partial<WhatIf>) => void;
  me: Me;
  problem: string | undefined;
}

function Who({ form, change, me, problem }: WhoProps) {
  const others = me.rights.length > 0;
  const everyone = useQuery({ ...principalsQuery, enabled: me.rights.includes('administer') });
  return (
    <Autocomplete
      label="Who asks"
      placeholder={`You (${me.name})`}
      value={form.principal}
      onChange={(principal) => change({ principal })}
      data={(everyone.data ?? []).map(({ name }) => name)}
      limit={50}
      disabled={!others}
      description={others ? undefined : 'For others, only those who audit or administer may ask.'}
      error={problem ?? null}
      maxLength={100}
    />
  );
}
