// Everything that wants attention, the worst first. Empty is said with what was looked at, so that it can be believed.

import { IconAlertTriangle, IconCircleCheck } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { Health, Trouble } from '../../src/api/health.ts';
import { counted } from '../words/counts.ts';
import styles from './trouble-list.module.css';
import { When } from './when.tsx';

export function TroubleList({ health }: { health: Health }) {
  if (health.troubles.length === 0) return <AllIsWell health={health} />;
  return (
    <section className="sp-section" aria-labelledby="troubles">
      <h2 id="troubles">
        {counted(health.troubles.length + health.moreTroubles, 'thing wants', 'things want')} attention
      </h2>
      <ul className={styles.list}>
        {health.troubles.map((trouble) => (
          <TroubleLine key={`${trouble.kind} ${trouble.grant?.id ?? ''} ${trouble.what}`} trouble={trouble} />
        ))}
      </ul>
      {health.moreTroubles > 0 ? (
        <p className="sp-soft">
          And {health.moreTroubles} more: these are the worst and oldest. `sally grants --state overdue` lists
          grants.
        </p>
      ) : null}
    </section>
  );
}

function AllIsWell({ health }: { health: Health }) {
  const { grants, targets, log } = health;
  const answering = targets.filter((one) => one.nodes.length > 0).length;
  return (
    <div className={styles.well} role="status">
      <IconCircleCheck size={26} aria-hidden="true" />
      <div>
        <p className={styles.wellTitle}>Every grant is where it should be</p>
        <p>
          {counted(grants.active, 'grant')} active, none overdue, none waiting.{' '}
          {answering === targets.length
            ? `${counted(targets.length, 'target answers', 'targets answer')}.`
            : `${answering} of ${targets.length} targets answer; the others have not been looked at yet.`}{' '}
          The log is signed up to entry {log.checkpointSize.toLocaleString('en')} of{' '}
          {log.entries.toLocaleString('en')}.
        </p>
      </div>
    </div>
  );
}

function TroubleLine({ trouble }: { trouble: Trouble }) {
  return (
    <li className={styles.trouble} data-severity={trouble.severity}>
      <IconAlertTriangle size={18} aria-hidden="true" className={styles.icon} />
      <div className="sp-wrap">
        <p className={styles.what}>
          {trouble.grant === null ? (
            trouble.what
          ) : (
            <Link to="/requests/$id" params={{ id: trouble.grant.requestId }} className="sp-link">
              {trouble.what}
            </Link>
          )}{' '}
          {trouble.kind === 'kit' ? (
            <Link to="/break-glass" className="sp-link">
              See the kits.
            </Link>
          ) : null}{' '}
          {trouble.since === null ? null : (
            <span className="sp-soft">
              since <When at={trouble.since} as="ago" />
            </span>
          )}
        </p>
        <dl className={styles.facts}>
          {trouble.why === null ? null : <Line name="Why">{trouble.why}</Line>}
          {trouble.next === null ? null : (
            <Line name="Next">
              {trouble.next}
              {trouble.nextAt === null ? null : (
                <>
                  {' '}
                  <When at={trouble.nextAt} as="exact" />
                </>
              )}
            </Line>
          )}
          <Line name="Do">{trouble.do}</Line>
        </dl>
        {trouble.grant === null || trouble.grant.nodes.length === 0 ? null : (
          <ul className={styles.nodes} aria-label="Nodes">
            {trouble.grant.nodes.map((node) => (
              <li key={node.node} data-open={node.observed === 'present' || node.observed === 'unknown'}>
                <span className="sp-mono">{node.node}</span> {node.role}: {node.observed}
              </li>
            ))}
          </ul>
        )}
      </div>
    </li>
  );
}

function Line({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className={styles.line}>
      <dt className="sp-label">{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
