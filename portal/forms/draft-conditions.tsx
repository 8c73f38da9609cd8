// Under which circumstances a policy holds, what it obliges to, and what it is called.

import { Checkbox, TagsInput, TextInput } from '@mantine/core';
import { DAY_NAMES, idOf, type PolicyDraft } from '../words/policy-draft.ts';
import styles from './draft-form.module.css';

interface Props {
  draft: PolicyDraft;
  change: (part: Partial<PolicyDraft>) => void;
  problems: Record<string, string>;
}

export function Circumstances({ draft, change, problems }: Props) {
  return (
    <fieldset className={styles.group}>
      <legend>Only then</legend>
      <TagsInput
        label="From these addresses"
        description="Networks, such as 10.0.0.0/8; press Enter after each. Empty for anywhere."
        placeholder={draft.addresses.length === 0 ? 'Anywhere' : ''}
        value={draft.addresses}
        onChange={(addresses) => change({ addresses })}
        maxTags={20}
        acceptValueOnBlur
        error={problems.addresses ?? null}
      />
      <Checkbox.Group label="On these days" value={draft.days} onChange={(days) => change({ days })}>
        <div className={styles.days}>
          {Object.entries(DAY_NAMES).map(([value, label]) => (
            <Checkbox key={value} value={value} label={label} />
          ))}
        </div>
      </Checkbox.Group>
      <p className="sp-soft sp-small">None chosen is every day. Days and hours are those of the segment.</p>
      <div className={styles.pair}>
        <TextInput
          type="time"
          label="From"
          value={draft.from}
          onChange={(event) => change({ from: event.currentTarget.value.slice(0, 5) })}
          error={problems.hours ?? null}
        />
        <TextInput
          type="time"
          label="Until"
          value={draft.to}
          onChange={(event) => change({ to: event.currentTarget.value.slice(0, 5) })}
          error={problems.hours === undefined ? null : true}
        />
      </div>
      <Checkbox
        label="With a ticket"
        checked={draft.ticket}
        onChange={(event) => change({ ticket: event.currentTarget.checked })}
      />
    </fieldset>
  );
}

export function ObligationsAndNotes({ draft, change, problems }: Props) {
  return (
    <fieldset className={styles.group}>
      <legend>What comes with it</legend>
      <Checkbox
        label="Recorded, or no session"
        checked={draft.record}
        onChange={(event) => change({ record: event.currentTarget.checked })}
      />
      <Checkbox
        label="After a passkey"
        checked={draft.stepUp}
        onChange={(event) => change({ stepUp: event.currentTarget.checked })}
      />
      <TagsInput
        label="Masked in results"
        description="Classes of data, such as pii."
        value={draft.mask}
        onChange={(mask) => change({ mask })}
        maxTags={20}
        acceptValueOnBlur
        error={problems.mask ?? null}
      />
      <div className={styles.pair}>
        <TextInput
          label="Id"
          placeholder={draft.who === '' ? 'read-at-once' : idOf(draft)}
          value={draft.id}
          onChange={(event) => change({ id: event.currentTarget.value.trim() })}
          error={problems.id ?? null}
          maxLength={100}
        />
        <TextInput
          label="Owner"
          placeholder="team-orders"
          value={draft.owner}
          onChange={(event) => change({ owner: event.currentTarget.value })}
          maxLength={100}
        />
        <TextInput
          type="date"
          label="Ends after"
          description="Empty for never."
          value={draft.expires}
          onChange={(event) => change({ expires: event.currentTarget.value })}
          error={problems.expires ?? null}
        />
      </div>
      <Checkbox
        label="Also write who may use it and who may approve it"
        description="Without a permit to connect no session opens; without one to approve nobody counts."
        checked={draft.complete}
        onChange={(event) => change({ complete: event.currentTarget.checked })}
      />
    </fieldset>
  );
}
