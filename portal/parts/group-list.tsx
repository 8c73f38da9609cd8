// Groups: who is in them, what being in them gives, and what names them. One that nothing names can be deleted.

import { Button, TextInput } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { GroupView } from '../../src/api/people-changes.ts';
import { addGroup, deleteGroup, groupsQuery, peopleChanged } from '../api/people-changes.ts';
import { counted } from '../words/counts.ts';
import { Empty } from './empty.tsx';
import { FailureNote } from './failure-note.tsx';
import { Loaded } from './loaded.tsx';
import { WhyButton } from './why-button.tsx';

export function GroupList({ administers }: { administers: boolean }) {
  const groups = useQuery(groupsQuery);
  const deleting = useMutation({ mutationFn: deleteGroup, onSuccess: peopleChanged });
  return (
    <div className="sp-stack">
      {administers ? <AddGroup /> : null}
      {deleting.error === null ? null : <FailureNote error={deleting.error} />}
      <Loaded query={groups} rows={4} rowHeight={80}>
        {(all) =>
          all.length === 0 ? (
            <Empty title="No groups yet">Policies speak of groups: make one, and put people in it.</Empty>
          ) : (
            <div className="sp-stack">
              {all.map((group) => (
                <Group
                  key={group.name}
                  group={group}
                  administers={administers}
                  deleting={deleting.isPending && deleting.variables === group.name}
                  onDelete={() => deleting.mutate(group.name)}
                />
              ))}
            </div>
          )
        }
      </Loaded>
    </div>
  );
}

interface GroupProps {
  group: GroupView;
  administers: boolean;
  deleting: boolean;
  onDelete: () => void;
}

function Group({ group, administers, deleting, onDelete }: GroupProps) {
  const { name, members, memberCount, confers, namedBy, keptBy } = group;
  const more = memberCount - members.length;
  const names = members.map(
    (one) => `${one.principal.displayName}${one.by === 'provider' ? ' (provider)' : ''}`,
  );
  return (
    <article className="sp-panel sp-pad sp-stack" aria-label={`The group ${name}`}>
      <header className="sp-row">
        <h3 className="sp-mono">{name}</h3>
        <span className="sp-soft sp-small">
          {counted(memberCount, 'member')}
          {keptBy === 'directory' ? ' · kept by the directory' : ''}
        </span>
      </header>
      {confers.length === 0 ? null : <p>Being in it lets a person {confers.join(', ')}.</p>}
      <p className="sp-soft sp-wrap">
        {memberCount === 0 ? 'Nobody is in it.' : names.join(', ')}
        {more > 0 ? ` and ${more} more.` : ''}
      </p>
      <p className="sp-soft sp-small sp-wrap">
        {namedBy.length === 0 ? 'Nothing names it.' : `Named by ${namedBy.join(', ')}.`}
      </p>
      {administers && keptBy === 'here' ? (
        <div>
          <WhyButton
            size="xs"
            variant="default"
            loading={deleting}
            mayNot={namedBy.length === 0 ? null : 'Something names it: take it out there first.'}
            onClick={onDelete}
          >
            Delete {name}
          </WhyButton>
        </div>
      ) : null}
    </article>
  );
}

function AddGroup() {
  const [name, setName] = useState('');
  const adding = useMutation({
    mutationFn: () => addGroup(name.trim()),
    onSuccess: async () => {
      setName('');
      await peopleChanged();
    },
  });
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (name.trim() !== '') adding.mutate();
  };
  return (
    <form onSubmit={send} className="sp-stack">
      <div className="sp-row">
        <TextInput
          label="New group"
          placeholder="dba"
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          maxLength={100}
        />
        <Button type="submit" variant="default" loading={adding.isPending} disabled={name.trim() === ''}>
          Make it
        </Button>
      </div>
      {adding.error === null ? null : <FailureNote error={adding.error} />}
    </form>
  );
}
