// What is known of one principal, who keeps it, the tokens that work now, and what an administrator does with it.

import { Button } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { PrincipalView } from '../../src/api/people.ts';
import type { ChangedPrincipal } from '../../src/api/people-changes.ts';
import {
  disablePrincipal,
  enablePrincipal,
  peopleChanged,
  revokeToken,
  tokensQuery,
} from '../api/people-changes.ts';
import { ChangePrincipalForm } from '../forms/change-principal-form.tsx';
import { ReasonForm } from '../forms/reason-form.tsx';
import { groupText, keptText, stateOf } from '../words/people.ts';
import { Facts } from './facts.tsx';
import { FailureNote } from './failure-note.tsx';
import { Loaded } from './loaded.tsx';
import { StateBadge } from './state-badge.tsx';
import { useMe } from './use-me.ts';
import { When } from './when.tsx';
import { WhyButton } from './why-button.tsx';

interface Props {
  principal: PrincipalView;
  people: PrincipalView[];
  onClose: () => void;
}

export function PrincipalPanel({ principal, people, onClose }: Props) {
  const me = useMe();
  const [doing, setDoing] = useState<'change' | 'switch' | null>(null);
  const [waits, setWaits] = useState<string[] | null>(null);
  const { name, displayName, disabled } = principal;
  const done = async ({ waiting }: Pick<ChangedPrincipal, 'waiting'>) => {
    setWaits(waiting?.whyTwo ?? null);
    await peopleChanged();
  };
  const act = async (reason: string) => {
    if (disabled) return done(await enablePrincipal(name, reason));
    await disablePrincipal(name, reason);
    return done({ waiting: null });
  };
  return (
    <section className="sp-panel sp-pad sp-stack" aria-labelledby="principal">
      <header className="sp-row">
        <h2 id="principal">{displayName}</h2>
        <StateBadge words={stateOf(principal)} />
      </header>
      <Facts facts={factsOf(principal)} />
      {waits === null ? null : (
        <p role="status">Nothing has changed yet: it waits for a second person. {waits.join(' ')}</p>
      )}
      <div className="sp-row">
        <Button size="sm" onClick={() => setDoing('change')}>
          Change
        </Button>
        <WhyButton
          size="sm"
          variant="outline"
          color={disabled ? 'slate' : 'ember'}
          mayNot={me.id === principal.id ? 'Nobody disables their own account.' : null}
          onClick={() => setDoing('switch')}
        >
          {disabled ? 'Enable' : 'Disable'}
        </WhyButton>
        <Button size="sm" variant="default" onClick={onClose}>
          Close
        </Button>
      </div>
      <Tokens name={name} />
      {doing === 'change' ? (
        <ChangePrincipalForm
          principal={principal}
          people={people}
          onDone={done}
          onClose={() => setDoing(null)}
        />
      ) : null}
      {doing === 'switch' ? (
        <ReasonForm
          title={`${disabled ? 'Enable' : 'Disable'} ${displayName}`}
          act={disabled ? 'Enable' : 'Disable now'}
          onAct={act}
          onClose={() => setDoing(null)}
        >
          {disabled
            ? 'They may sign in again. Tokens from before stay revoked.'
            : 'Their tokens are worth nothing at once; their grants and sessions end within seconds.'}
        </ReasonForm>
      ) : null}
    </section>
  );
}

function factsOf(principal: PrincipalView) {
  const { kind, accountType, title, manager, sponsor, groups, lastUsedAt } = principal;
  const names = groups.map((group) => groupText(principal, group)).join(', ');
  return [
    { name: 'Name', value: <span className="sp-mono">{principal.name}</span> },
    { name: 'Kind', value: `${kind}, account type ${accountType}` },
    { name: 'Title', value: title ?? 'None' },
    { name: 'Groups', value: names === '' ? 'None' : names },
    { name: 'Manager', value: manager?.displayName ?? 'Nobody' },
    ...(kind === 'agent' ? [{ name: 'Sponsor', value: sponsor?.displayName ?? 'Nobody' }] : []),
    { name: 'Kept', value: keptText(principal) },
    { name: 'Last used', value: lastUsedAt === null ? 'Never' : <When at={lastUsedAt} as="ago" /> },
  ];
}

function Tokens({ name }: { name: string }) {
  const tokens = useQuery(tokensQuery(name));
  const revoking = useMutation({
    mutationFn: (id: string) => revokeToken(name, id),
    onSuccess: peopleChanged,
  });
  return (
    <section className="sp-stack" aria-labelledby="tokens">
      <h3 id="tokens">Tokens and sessions that work now</h3>
      <Loaded query={tokens} rows={1} rowHeight={40}>
        {(all) => {
          const live = all.filter((one) => one.state === 'live');
          if (live.length === 0) {
            return (
              <p className="sp-soft sp-small">
                None. A person gets a link with <code>sally principal link {name}</code>, a service a token
                with <code>sally principal tokens add {name}</code>.
              </p>
            );
          }
          return (
            <ul className="sp-list sp-stack">
              {live.map((one) => (
                <li key={one.id} className="sp-row">
                  <span className="sp-wrap">
                    {one.kind === 'browser' ? 'Browser' : 'Token'}: {one.name}
                    {one.issuedBy === null ? '' : ` · from ${one.issuedBy}`} · until{' '}
                    <When at={one.expiresAt} />
                    {one.lastUsedAt === null ? ' · never used' : ''}
                  </span>
                  <Button
                    size="xs"
                    variant="default"
                    aria-label={`Revoke ${one.name}`}
                    loading={revoking.isPending && revoking.variables === one.id}
                    onClick={() => revoking.mutate(one.id)}
                  >
                    Revoke
                  </Button>
                </li>
              ))}
            </ul>
          );
        }}
      </Loaded>
      {revoking.error === null ? null : <FailureNote error={revoking.error} />}
    </section>
  );
}
