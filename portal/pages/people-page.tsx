// People: who is known here, in which groups, who answers for them, when they were last seen; groups; and changes that
// wait for a second person.

import { Tabs, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { principalsQuery } from '../api/people.ts';
import { peopleChangesQuery } from '../api/people-changes.ts';
import { Empty } from '../parts/empty.tsx';
import { GroupList } from '../parts/group-list.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Page } from '../parts/page.tsx';
import { PeopleChanges } from '../parts/people-changes.tsx';
import { PersonLine } from '../parts/person-line.tsx';
import { PrincipalPanel } from '../parts/principal-panel.tsx';
import { useMe } from '../parts/use-me.ts';
import { matching } from '../words/people.ts';

const MOST_LINES = 200;

export function PeoplePage() {
  const me = useMe();
  const { show } = useSearch({ from: '/in/people' });
  const navigate = useNavigate({ from: '/people' });
  const changes = useQuery(peopleChangesQuery);
  const administers = me.rights.includes('administer');
  const open = changes.data?.filter((one) => one.state === 'open').length ?? 0;
  const tab = show ?? (administers ? 'people' : 'changes');
  const turnTo = (next: string | null) =>
    void navigate({ search: next === 'groups' || next === 'changes' ? { show: next } : {} });
  return (
    <Page
      title="People"
      lead="Who is known here, and what they are in. What gives somebody a right over Sallyport, or a voice in approvals, takes two."
    >
      <Tabs value={tab} onChange={turnTo} keepMounted={false}>
        <Tabs.List mb={18}>
          {administers ? <Tabs.Tab value="people">People</Tabs.Tab> : null}
          <Tabs.Tab value="groups">Groups</Tabs.Tab>
          <Tabs.Tab value="changes">{open === 0 ? 'Waiting' : `Waiting (${open})`}</Tabs.Tab>
        </Tabs.List>
        {administers ? (
          <Tabs.Panel value="people">
            <People />
          </Tabs.Panel>
        ) : null}
        <Tabs.Panel value="groups">
          <GroupList administers={administers} />
        </Tabs.Panel>
        <Tabs.Panel value="changes">
          <PeopleChanges me={me} />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}

function People() {
  const people = useQuery(principalsQuery);
  const { who } = useSearch({ from: '/in/people' });
  const navigate = useNavigate({ from: '/people' });
  const [text, setText] = useState('');
  const look = (name: string | null) => void navigate({ search: name === null ? {} : { who: name } });
  return (
    <Loaded query={people} rows={4} rowHeight={62}>
      {(all) => {
        const found = matching(all, text);
        const looked = all.find((one) => one.name === who);
        return (
          <div className="sp-stack">
            <TextInput
              label="Search"
              placeholder="A name, a group, agent, disabled …"
              value={text}
              onChange={(event) => setText(event.currentTarget.value)}
              maw={420}
            />
            {looked === undefined ? null : (
              <PrincipalPanel key={looked.name} principal={looked} people={all} onClose={() => look(null)} />
            )}
            {found.length === 0 ? (
              <Empty title="Nobody of that kind">
                Search for something else, or add somebody: <code>sally principal add</code>.
              </Empty>
            ) : (
              <ul className="sp-list sp-panel" aria-label="People, services and agents">
                {found.slice(0, MOST_LINES).map((one) => (
                  <PersonLine key={one.id} principal={one} onLook={() => look(one.name)} />
                ))}
              </ul>
            )}
            {found.length > MOST_LINES ? (
              <p className="sp-soft sp-small">
                {found.length - MOST_LINES} more: search for what you are looking for.
              </p>
            ) : null}
          </div>
        );
      }}
    </Loaded>
  );
}
