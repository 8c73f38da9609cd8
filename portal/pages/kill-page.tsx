// The kill switch: stop a person, a target, a segment or everything, see how far it is, and lift it again.

import { useQuery } from '@tanstack/react-query';
import { useSearch } from '@tanstack/react-router';
import { KILL_SCOPES, type KillScope } from '../../src/api/kills.ts';
import type { Me } from '../../src/api/people.ts';
import { killsQuery } from '../api/kills.ts';
import { KillForm } from '../forms/kill-form.tsx';
import { Empty } from '../parts/empty.tsx';
import { KillCard } from '../parts/kill-card.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Page } from '../parts/page.tsx';
import { useMe } from '../parts/use-me.ts';

/** Owners may stop what is theirs; whether it is, the server says. */
const OF_OWNERS: KillScope[] = ['target', 'segment'];

const scopesOf = (me: Me) => (me.rights.includes('administer') ? [...KILL_SCOPES] : OF_OWNERS);

export function KillPage() {
  const me = useMe();
  const { scope, name } = useSearch({ from: '/in/kill' });
  const inForce = useQuery(killsQuery('in-force'));
  const lifted = useQuery(killsQuery('lifted'));
  const scopes = scopesOf(me);
  const start = scopes.find((one) => one === scope) ?? 'target';
  return (
    <Page
      title="Kill switch"
      lead="Ends every grant of a person, on a target, in a segment or everywhere, and lets nothing new begin there until it is lifted."
    >
      {me.kind === 'person' ? (
        <KillForm key={`${start} ${name}`} start={{ scope: start, name: name ?? '' }} scopes={scopes} />
      ) : null}
      <section className="sp-section" aria-labelledby="in-force">
        <h2 id="in-force">In force</h2>
        <Loaded query={inForce}>
          {(kills) =>
            kills.length === 0 ? (
              <Empty title="Nothing is stopped">Requests are decided by policy, everywhere.</Empty>
            ) : (
              kills.map((kill) => <KillCard key={kill.id} kill={kill} />)
            )
          }
        </Loaded>
      </section>
      {lifted.data === undefined || lifted.data.length === 0 ? null : (
        <section className="sp-section" aria-labelledby="lifted">
          <h2 id="lifted">Lifted</h2>
          {lifted.data.map((kill) => (
            <KillCard key={kill.id} kill={kill} />
          ))}
        </section>
      )}
    </Page>
  );
}
