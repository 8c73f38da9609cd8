// Changes what is kept by hand of one principal; what a directory or the provider keeps is shown, and says who keeps it.

import { Button, Modal, MultiSelect, Select, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { PrincipalView } from '../../src/api/people.ts';
import type { ChangedPrincipal } from '../../src/api/people-changes.ts';
import { changePrincipal, groupsQuery } from '../api/people-changes.ts';
import { FailureNote } from '../parts/failure-note.tsx';
import { mayChange } from '../words/people.ts';

interface Props {
  principal: PrincipalView;
  people: PrincipalView[];
  onDone: (done: ChangedPrincipal) => Promise<void>;
  onClose: () => void;
}

export function ChangePrincipalForm({ principal, people, onDone, onClose }: Props) {
  const groups = useQuery(groupsQuery);
  const elsewhere = [...principal.directoryGroups, ...principal.providerGroups];
  const own = principal.groups.filter((group) => !elsewhere.includes(group));
  const [form, setForm] = useState({
    displayName: principal.displayName,
    accountType: principal.accountType,
    title: principal.title ?? '',
    manager: principal.manager?.name ?? null,
    sponsor: principal.sponsor?.name ?? null,
    groups: own,
    reason: '',
  });
  const set = (part: Partial<typeof form>) => setForm((known) => ({ ...known, ...part }));
  const changing = useMutation({
    mutationFn: () => changePrincipal(principal.name, bodyFrom(form, principal, own)),
    onSuccess: async (done) => {
      await onDone(done);
      onClose();
    },
  });
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (form.reason.trim() !== '') changing.mutate();
  };
  const persons = people
    .filter((one) => one.kind === 'person' && !one.disabled && one.id !== principal.id)
    .map((one) => ({ value: one.name, label: one.displayName }));
  const kept = (fact: Parameters<typeof mayChange>[1]) => {
    const why = mayChange(principal, fact);
    return why === null ? {} : { disabled: true, description: why };
  };
  const joinable = (groups.data ?? []).filter((one) => one.keptBy === 'here').map((one) => one.name);
  return (
    <Modal opened onClose={onClose} title={<h2>Change {principal.displayName}</h2>}>
      <form onSubmit={send} className="sp-stack">
        <TextInput
          label="Name that people read"
          value={form.displayName}
          onChange={(event) => set({ displayName: event.currentTarget.value })}
          maxLength={100}
          {...kept('displayName')}
        />
        <TextInput
          label="Title"
          value={form.title}
          onChange={(event) => set({ title: event.currentTarget.value })}
          maxLength={100}
          {...kept('title')}
        />
        <TextInput
          label="Account type"
          value={form.accountType}
          onChange={(event) => set({ accountType: event.currentTarget.value })}
          maxLength={40}
          {...kept('accountType')}
        />
        <Select
          label="Manager"
          placeholder="Nobody"
          searchable
          clearable
          data={persons}
          value={form.manager}
          onChange={(manager) => set({ manager })}
          {...kept('manager')}
        />
        {principal.kind === 'agent' ? (
          <Select
            label="Sponsor"
            description="The person who answers for the agent. It never gets more than they may ask for."
            searchable
            allowDeselect={false}
            data={persons}
            value={form.sponsor}
            onChange={(sponsor) => set({ sponsor })}
          />
        ) : null}
        <MultiSelect
          label="Groups"
          description={elsewhere.length === 0 ? undefined : `Kept elsewhere: ${elsewhere.join(', ')}.`}
          searchable
          data={[...new Set([...joinable, ...own])]}
          value={form.groups}
          onChange={(picked) => set({ groups: picked })}
          nothingFoundMessage="No group of that name is kept here."
        />
        <Textarea
          label="Reason"
          value={form.reason}
          onChange={(event) => set({ reason: event.currentTarget.value })}
          autosize
          minRows={2}
          maxLength={2000}
        />
        {changing.error === null ? null : <FailureNote error={changing.error} />}
        <div className="sp-row">
          <Button type="submit" loading={changing.isPending} disabled={form.reason.trim() === ''}>
            Change
          </Button>
          <Button variant="default" onClick={onClose}>
            Not now
          </Button>
        </div>
      </form>
    </Modal>
  );
}

interface Form {
  displayName: string;
  accountType: string;
  title: string;
  manager: string | null;
  sponsor: string | null;
  groups: string[];
  reason: string;
}

/** Only what differs, so that what is kept elsewhere is not sent. */
function bodyFrom(form: Form, before: PrincipalView, own: string[]) {
  const title = form.title.trim() === '' ? null : form.title.trim();
  return {
    ...(form.displayName.trim() === before.displayName ? {} : { displayName: form.displayName.trim() }),
    ...(form.accountType === before.accountType ? {} : { accountType: form.accountType }),
    ...(title === before.title ? {} : { title }),
    ...(form.manager === (before.manager?.name ?? null) ? {} : { manager: form.manager }),
    ...(form.sponsor === null || form.sponsor === before.sponsor?.name ? {} : { sponsor: form.sponsor }),
    join: form.groups.filter((group) => !own.includes(group)),
    leave: own.filter((group) => !form.groups.includes(group)),
    reason: form.reason.trim(),
  };
}
