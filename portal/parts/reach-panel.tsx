// Who can reach what below a segment: task by task, those who get it at once first.

import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { Reach } from '../../src/api/segments.ts';
import { reachQuery } from '../api/segments.ts';
import { counted } from '../words/counts.ts';
import { byPlace, leftText, namesText, type PlaceReach, WAYS, type Way, whoText } from '../words/reach.ts';
import { Loaded } from './loaded.tsx';
import styles from './reach-panel.module.css';
import { StateBadge } from './state-badge.tsx';
import { When } from './when.tsx';

export function ReachPanel({ segment }: { segment: string }) {
  const reach = useQuery(reachQuery(segment));
  return (
    <section className="sp-panel sp-pad sp-stack" aria-labelledby="reach">
      <h2 id="reach">
        {reach.data?.of === 'yourself' ? 'What you can reach' : 'Who can reach what'} in{' '}
        <span className="sp-mono">{segment}</span>
      </h2>
      <Loaded query={reach} rows={3} rowHeight={84}>
        {(found) => <Reached reach={found} />}
      </Loaded>
    </section>
  );
}

function Reached({ reach }: { reach: Reach }) {
  const left = leftText(reach);
  if (reach.places.length === 0) {
    return <p className="sp-soft">No task is offered on a target here, so nobody can ask for anything.</p>;
  }
  return (
    <>
      <p className="sp-soft sp-small">
        As policy decides it now (<When at={reach.at} as="ago" />
        ), asked from {reach.sourceAddress} and without a ticket.
        {reach.of === 'yourself'
          ? ' What others reach is shown to those who audit or administer.'
          : ` ${withoutText(reach.without)}`}
      </p>
      {byPlace(reach).map((place) => (
        <PlaceWays key={`${place.place.target} ${place.place.task}`} reach={place} />
      ))}
      {left === null ? null : <p className={styles.left}>{left}</p>}
    </>
  );
}

const withoutText = (count: number) =>
  count === 0 ? '' : `${counted(count, 'principal reaches', 'principals reach')} nothing here.`;

function PlaceWays({ reach: { place, ways } }: { reach: PlaceReach }) {
  return (
    <section className={styles.place} aria-label={`${place.task} on ${place.target}`}>
      <h3 className={styles.title}>
        <span className="sp-mono">{place.task}</span> <span className="sp-soft">on</span>{' '}
        <span className="sp-mono">{place.target}</span>
      </h3>
      {ways.length === 0 ? (
        <p className="sp-soft sp-small">Nobody: no policy lets anyone ask for it.</p>
      ) : null}
      <ul className={`sp-list ${styles.ways}`}>
        {ways.map((way) => (
          <WayLine key={`${way.way} ${way.who.kind} ${namesText(way.who)}`} way={way} />
        ))}
      </ul>
    </section>
  );
}

function WayLine({ way }: { way: Way }) {
  return (
    <li className={styles.way} data-way={way.way}>
      <StateBadge words={WAYS[way.way]} />
      <div className="sp-wrap">
        <p>
          <strong>{whoText(way.who)}</strong> {way.text}
        </p>
        {way.who.groups.length === 0 ? null : (
          <p className="sp-soft sp-small">
            {counted(way.who.count, way.who.kind, way.who.kind === 'person' ? 'people' : `${way.who.kind}s`)}:{' '}
            {namesText(way.who)}
          </p>
        )}
        {way.enough.map((line) => (
          <p key={line} className="sp-soft sp-small">
            {line}
          </p>
        ))}
        {way.way === 'not-now' || way.opens ? null : (
          <p className={styles.warning}>No session would open: no policy lets them connect from here.</p>
        )}
        {way.policies.length === 0 ? null : (
          <p className={styles.policies}>
            {way.policies.map((policy) => (
              <Link key={policy} to="/policy" search={{ id: policy }} className="sp-link">
                {policy}
              </Link>
            ))}
          </p>
        )}
      </div>
    </li>
  );
}
