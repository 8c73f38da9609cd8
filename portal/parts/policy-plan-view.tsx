// What a change would do, as a picture and in figures: the decisions of the last ninety days that would be others, who
// is concerned, and the live grants that would end.

import type { PlanExample, PlanProgress, PolicyPlan } from '../../src/api/policy-plan.ts';
import { describeDuration } from '../../src/base/duration.ts';
import { counted, fromWhom, listText } from '../words/counts.ts';
import { CATEGORIES, type Category, replayedText, sideText } from '../words/policy-change.ts';
import styles from './policy-plan-view.module.css';
import { When } from './when.tsx';

interface Props {
  plan: PolicyPlan | null;
  planning: PlanProgress | null;
  open: boolean;
}

export function PolicyPlanView({ plan, planning, open }: Props) {
  if (plan === null) {
    const far =
      planning === null || planning.stored === 0
        ? ''
        : ` ${planning.replayed.toLocaleString('en')} of ${planning.stored.toLocaleString('en')} decisions so far.`;
    return <p className="sp-soft">{open ? `The plan is being made.${far}` : 'No plan was made.'}</p>;
  }
  return (
    <div className="sp-stack">
      <div className="sp-panel sp-pad sp-stack">
        <p className="sp-soft sp-small">{replayedText(plan)}</p>
        <Picture plan={plan} />
        <dl className={styles.figures}>
          {CATEGORIES.map(({ key, label, tone }) => (
            <div key={key} className={styles.figure} data-tone={tone} data-none={plan[key].count === 0}>
              <dt>{label}</dt>
              <dd>{plan[key].count.toLocaleString('en')}</dd>
            </div>
          ))}
        </dl>
      </div>
      {CATEGORIES.map(({ key, label }) => (
        <Examples key={key} label={label} of={key} plan={plan} />
      ))}
      <Concerned plan={plan} />
      <LiveGrants plan={plan} />
    </div>
  );
}

function Picture({ plan }: { plan: PolicyPlan }) {
  const same = plan.decisions.replayed - plan.differences - plan.decisions.unreadable;
  const parts = CATEGORIES.filter(({ key }) => plan[key].count > 0);
  const said = [`${counted(same, 'decision')} stay the same`]
    .concat(parts.map(({ key, label }) => `${plan[key].count} ${label.toLowerCase()}`))
    .join(', ');
  return (
    <div className={styles.picture} role="img" aria-label={said} title={said}>
      {parts.map(({ key, tone }) => (
        <span key={key} data-tone={tone} style={{ flexGrow: plan[key].count }} />
      ))}
      {same > 0 || parts.length === 0 ? (
        <span data-tone="same" style={{ flexGrow: Math.max(same, 1) }} />
      ) : null}
    </div>
  );
}

function Examples({ label, of, plan }: { label: string; of: Category; plan: PolicyPlan }) {
  const { count, examples } = plan[of];
  if (count === 0) return null;
  return (
    <details className="sp-panel" open>
      <summary className={styles.summary}>
        {label} <span className="sp-soft sp-small">{counted(count, 'decision')}</span>
      </summary>
      <ul className={`sp-list ${styles.examples}`}>
        {examples.map((one) => (
          <ExampleLine key={`${one.at} ${one.principal} ${one.task} ${one.action}`} one={one} />
        ))}
      </ul>
      {count > examples.length ? (
        <p className={`sp-soft sp-small ${styles.more}`}>
          The newest {examples.length} of {count}.
        </p>
      ) : null}
    </details>
  );
}

const ACTS: Record<string, string> = { request: 'asked for', extend: 'extended', connect: 'connected with' };

function ExampleLine({ one }: { one: PlanExample }) {
  return (
    <li className={styles.example}>
      <span>
        <strong>{one.principal}</strong> {ACTS[one.action] ?? one.action} {one.task} on {one.target} for{' '}
        {describeDuration(one.durationSeconds)}
        <span className={styles.sub}>
          <When at={one.at} as="ago" /> from {one.sourceAddress}
        </span>
      </span>
      <span>
        <span className={styles.before}>{sideText(one.before)}</span>
        <span className={styles.after}>
          <span aria-hidden="true">→ </span>
          {sideText(one.after)}
        </span>
        {one.after.policies.length === 0 ? null : (
          <span className={styles.sub}>by {listText(one.after.policies)}</span>
        )}
      </span>
    </li>
  );
}

function Concerned({ plan }: { plan: PolicyPlan }) {
  const { lockedOut, rights, approvers, people } = plan;
  if (people.count + lockedOut.count + rights.length + approvers.length === 0) {
    return <p className="sp-soft">Nobody who asked for anything is concerned.</p>;
  }
  return (
    <section className="sp-panel sp-pad sp-stack" aria-label="Who is concerned">
      <h3>Who is concerned</h3>
      {people.count === 0 ? null : (
        <p>
          {counted(people.count, 'principal')}:{' '}
          {listText(people.most.slice(0, 12).map((one) => one.principal))}
          {people.count > 12 ? ' and others' : ''}.
        </p>
      )}
      <ul className={styles.concerned}>
        {lockedOut.first.map((one) => (
          <li key={`${one.principal} ${one.action} ${one.task} ${one.target}`} data-bad>
            <strong>{one.principal}</strong> is locked out of {one.task} on {one.target}
            {one.action === 'request' ? '' : ` (${one.action})`}{' '}
            {one.from === null ? (
              'at once'
            ) : (
              <>
                from <When at={one.from} /> on
              </>
            )}
            <span className={styles.sub}>
              {counted(one.count, 'time')} in the last {plan.days} days
            </span>
          </li>
        ))}
        {rights.map((one) => (
          <li key={`${one.principal} ${one.right}`} data-bad={one.change === 'loses' || undefined}>
            <strong>{one.principal}</strong> {one.change} the right to {RIGHTS[one.right]}
          </li>
        ))}
        {approvers.map((one) => (
          <li key={`${one.task} ${one.target}`}>
            {one.task} on {one.target},{' '}
            {listText(one.stages.map((stage) => `${stage.count} of ${fromWhom(stage.from)}`))}:{' '}
            {[
              ...(one.gains.length > 0 ? [`${listText(one.gains)} can approve now`] : []),
              ...(one.loses.length > 0 ? [`${listText(one.loses)} cannot any more`] : []),
            ].join('; ')}
          </li>
        ))}
      </ul>
    </section>
  );
}

const RIGHTS = { administer: 'administer', audit: 'audit', changePolicy: 'change policy' } as const;

function LiveGrants({ plan: { grants } }: { plan: PolicyPlan }) {
  const unseen = grants.judged === 0 ? 0 : grants.live - grants.judged;
  return (
    <section className="sp-panel sp-pad sp-stack" aria-label="Live grants">
      <h3>Live grants</h3>
      <p>
        {grants.end === 0 ? 'None would end' : `${counted(grants.end, 'live grant')} would end`}
        {grants.runOut === 0 ? '' : `, ${grants.runOut} would run out`}, of {grants.live}.
        {unseen === 0 ? '' : ` ${unseen} were not looked at.`}
      </p>
      <ul className={styles.concerned}>
        {grants.first.map((one) => (
          <li key={one.id} data-bad={one.ends || undefined}>
            <strong>{one.principal}</strong>, {one.task} on {one.target}:{' '}
            {one.ends ? 'ends at once' : 'runs out'}
            {one.expiresAt === null ? '' : ' instead of '}
            {one.expiresAt === null ? null : one.ends ? <When at={one.expiresAt} /> : null}
            <span className={styles.sub}>{one.why}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
