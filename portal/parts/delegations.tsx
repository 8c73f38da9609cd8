// Who stands in for one's approvals, and whom one stands in for; a small form names a stand-in, always with an end.

import { Button, TextInput } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { delegate, delegationsQuery, endDelegation } from '../api/delegations.ts';
import { meQuery } from '../api/people.ts';
import { queries } from '../api/query-client.ts';
import { FailureNote } from './failure-note.tsx';
import { When } from './when.tsx';

export function Delegations() {
  const me = useQuery(meQuery);
  const found = useQuery(delegationsQuery);
  const ending = useMutation({ mutationFn: endDelegation, onSuccess: refresh });
  const mine = (found.data?.items ?? []).filter((one) =>
    [one.principal.id, one.standIn.id].includes(me.data?.id ?? ''),
  );
  return (
    <section className="sp-section" aria-labelledby="away">
      <h2 id="away">While you are away</h2>
      {mine.length === 0 ? null : (
        <ul className="sp-list sp-stack">
          {mine.map((one) => (
            <li key={one.id} className="sp-row">
              <span>
                {one.standIn.displayName} for {one.principal.displayName}, from <When at={one.from} /> until{' '}
                <When at={one.until} />
              </span>
              <Button size="xs" variant="default" onClick={() => ending.mutate(one.id)}>
                End it
              </Button>
            </li>
          ))}
        </ul>
      )}
      {ending.error === null ? null : <FailureNote error={ending.error} />}
      <DelegateForm />
    </section>
  );
}

function DelegateForm() {
  const [standIn, setStandIn] = useState('');
  const [until, setUntil] = useState('');
  const naming = useMutation({
    mutationFn: () => delegate({ standIn: standIn.trim(), until: new Date(until).toISOString() }),
    onSuccess: () => {
      setStandIn('');
      return refresh();
    },
  });
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (standIn.trim() !== '' && until !== '') naming.mutate();
  };
  return (
    <form onSubmit={send} className="sp-stack">
      <div className="sp-row">
        <TextInput
          label="Stand-in"
          description="Their user name. They approve for you, and cannot pass it on."
          value={standIn}
          onChange={(event) => setStandIn(event.currentTarget.value)}
        />
        <TextInput
          type="datetime-local"
          label="Until"
          description="At most 30 days."
          value={until}
          onChange={(event) => setUntil(event.currentTarget.value)}
        />
        <Button
          type="submit"
          variant="default"
          loading={naming.isPending}
          disabled={standIn.trim() === '' || until === ''}
        >
          Name a stand-in
        </Button>
      </div>
      {naming.error === null ? null : <FailureNote error={naming.error} />}
    </form>
  );
}

function refresh(): Promise<void> {
  return queries.invalidateQueries({ queryKey: delegationsQuery.queryKey });
}
