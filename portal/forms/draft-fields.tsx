// What a policy says, as choices: who, what, where, for how long, at once or by whose approval.

import { Autocomplete, MultiSelect, NumberInput, SegmentedControl, Select } from '@mantine/core';
import type { Target, Task } from '../../src/api/targets.ts';
import { DurationChips } from '../parts/duration-chips.tsx';
import { durationProblem } from '../words/durations.ts';
import type { PolicyDraft } from '../words/policy-draft.ts';
import styles from './draft-form.module.css';

export interface DraftFieldsProps {
  draft: PolicyDraft;
  change: (part: Partial<PolicyDraft>) => void;
  /** By field; shown once something was put into it. */
  problems: Record<string, string>;
  targets: Target[];
  tasks: Task[];
  groups: string[];
  segments: string[];
}

const CHIPS = ['30m', '1h', '4h', '8h'];

export function WhoAndWhat({ draft, change, problems, tasks, groups }: DraftFieldsProps) {
  return (
    <fieldset className={styles.group}>
      <legend>Who may do what</legend>
      <div className={styles.pair}>
        <Select
          label="Who"
          data={[
            { value: 'group', label: 'Members of a group' },
            { value: 'person', label: 'One person' },
            { value: 'service', label: 'One service' },
          ]}
          value={draft.whoKind}
          onChange={(value) =>
            change({ whoKind: value === 'person' || value === 'service' ? value : 'group' })
          }
          allowDeselect={false}
        />
        <Name
          label={draft.whoKind === 'group' ? 'Group' : 'Name'}
          placeholder={draft.whoKind === 'group' ? 'engineering' : 'ada'}
          value={draft.who}
          onChange={(who) => change({ who })}
          choices={draft.whoKind === 'group' ? groups : []}
          problem={draft.who === '' ? undefined : problems.who}
        />
      </div>
      <MultiSelect
        label="Tasks"
        placeholder={draft.tasks.length === 0 ? 'Any task' : ''}
        data={tasks.map((task) => task.name)}
        value={draft.tasks}
        onChange={(names) => change({ tasks: names })}
        searchable
        clearable
        error={problems.tasks ?? null}
      />
    </fieldset>
  );
}

export function WhereAndHow({ draft, change, problems, targets, groups, segments }: DraftFieldsProps) {
  return (
    <fieldset className={styles.group}>
      <legend>Where, and how</legend>
      <div className={styles.pair}>
        <Select
          label="Where"
          data={[
            { value: 'segment', label: 'In a segment, and below' },
            { value: 'target', label: 'On one target' },
            { value: 'anywhere', label: 'On any target' },
          ]}
          value={draft.whereKind}
          onChange={(value) =>
            change({ whereKind: value === 'target' || value === 'anywhere' ? value : 'segment', where: '' })
          }
          allowDeselect={false}
        />
        {draft.whereKind === 'anywhere' ? null : (
          <Name
            label={draft.whereKind === 'segment' ? 'Segment' : 'Target'}
            placeholder={draft.whereKind === 'segment' ? 'prod/eu/orders' : 'orders-db'}
            value={draft.where}
            onChange={(where) => change({ where })}
            choices={draft.whereKind === 'segment' ? segments : targets.map((target) => target.name)}
            problem={draft.where === '' ? undefined : problems.where}
          />
        )}
      </div>
      <DurationChips
        label="For how long at most"
        value={draft.longest}
        onChange={(longest) => change({ longest })}
        chips={CHIPS}
        error={draft.longest === '' ? null : durationProblem(draft.longest)}
      />
      <div>
        <span className={styles.label}>Opens</span>
        <SegmentedControl
          aria-label="Opens"
          value={draft.how}
          onChange={(how) => change({ how: how === 'approval' ? 'approval' : 'at-once' })}
          data={[
            { value: 'at-once', label: 'At once' },
            { value: 'approval', label: 'With approval' },
          ]}
        />
      </div>
      {draft.how === 'approval' ? (
        <Stages draft={draft} change={change} problems={problems} groups={groups} />
      ) : null}
    </fieldset>
  );
}

type StagesProps = Pick<DraftFieldsProps, 'draft' | 'change' | 'problems' | 'groups'>;

// Two stages are the common shapes; more are written by hand.
const MOST_STAGES = 2;

function Stages({ draft, change, problems, groups }: StagesProps) {
  const set = (index: number, part: Partial<PolicyDraft['stages'][number]>) =>
    change({ stages: draft.stages.map((stage, at) => (at === index ? { ...stage, ...part } : stage)) });
  return (
    <div className="sp-stack">
      {draft.stages.map((stage, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a stage is told by its place.
        <div key={index} className={styles.stage}>
          <NumberInput
            label="People"
            value={stage.count}
            onChange={(count) => set(index, { count: Number(count) })}
            min={1}
            max={10}
          />
          <Name
            label="Of the group, or manager"
            placeholder="approvers"
            value={stage.from}
            onChange={(from) => set(index, { from })}
            choices={['manager', ...groups]}
            problem={stage.from === '' ? undefined : problems.stages}
          />
        </div>
      ))}
      {draft.stages.length < MOST_STAGES ? (
        <button
          type="button"
          className={styles.more}
          onClick={() => change({ stages: [...draft.stages, { count: 1, from: '' }] })}
        >
          And another group
        </button>
      ) : (
        <button
          type="button"
          className={styles.more}
          onClick={() => change({ stages: draft.stages.slice(0, 1) })}
        >
          Only the first
        </button>
      )}
    </div>
  );
}

interface NameProps {
  label: string;
  placeholder: string;
  value: string;
  onChange: (value: string) => void;
  choices: string[];
  problem: string | undefined;
}

/** One name, of those that are known or a new one. */
function Name({ label, placeholder, value, onChange, choices, problem }: NameProps) {
  return (
    <Autocomplete
      label={label}
      placeholder={placeholder}
      data={choices}
      value={value}
      onChange={(name) => onChange(name.trim())}
      limit={50}
      error={problem ?? null}
      maxLength={630}
    />
  );
}
