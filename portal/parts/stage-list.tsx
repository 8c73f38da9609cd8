// How far the approvals are: each stage with who could still give it, and who has looked.

import type { ReactNode } from 'react';
import type { Request } from '../../src/api/requests.ts';
import { describeDuration } from '../../src/base/duration.ts';
import { fromWhom, listText } from '../words/counts.ts';
import styles from './stage-list.module.css';
import { When } from './when.tsx';

export function StageList({ request }: { request: Request }) {
  return (
    <Stages stages={request.stages} deciding={request.state === 'pending'}>
      <p className="sp-soft sp-small">
        {request.seenBy.length === 0
          ? request.approvals.length === 0 && 'Nobody has looked at it yet.'
          : request.seenBy.map((seen, position) => (
              <span key={seen.by.id}>
                {position === 0 ? 'Looked at by ' : ', '}
                {seen.by.displayName} (<When at={seen.at} as="ago" />)
              </span>
            ))}
      </p>
    </Stages>
  );
}

/** `deciding`: somebody may still say yes; otherwise the places are shown as they were filled. */
export function Stages({
  stages,
  deciding,
  children,
}: {
  stages: Stage[];
  deciding: boolean;
  children?: ReactNode;
}) {
  return (
    <div className={styles.whole}>
      {stages.map((stage) => (
        <div
          key={`${stage.count} ${stage.from}`}
          className={styles.stage}
          data-state={deciding ? stage.state : 'met'}
        >
          <span className={styles.doors} role="img" aria-label={`${stage.given} of ${stage.count} given`}>
            {Array.from({ length: stage.count }, (_, place) => `place ${place}`).map((place, position) => (
              <span key={place} className={styles.door} data-given={position < stage.given} />
            ))}
          </span>
          <span>
            {stage.state === 'waiting' ? 'Then ' : null}
            <strong>{stage.state === 'waiting' ? stage.count : `${stage.given} of ${stage.count}`}</strong>{' '}
            from {fromWhom(stage.from)}
            {deciding && stage.state !== 'met' ? (
              <span className="sp-soft">
                {whoCan(stage)}
                {stage.standIns.map(({ by, onBehalfOf, until }) => (
                  <span key={`${by.id} ${onBehalfOf.id}`}>
                    ; {by.displayName} for {onBehalfOf.displayName}, until <When at={until} />
                  </span>
                ))}
                <Widening stage={stage} />
              </span>
            ) : null}
          </span>
        </div>
      ))}
      {children}
    </div>
  );
}

type Stage = Request['stages'][number];

function whoCan(stage: Stage): string {
  const names = listText(stage.candidates.map((person) => person.displayName));
  if (names === '' && stage.standIns.length > 0) return ': nobody by themselves';
  if (names === '') return '. Nobody can give it: tell an administrator.';
  return stage.state === 'open' ? `: ${names} can approve now` : `: ${names}`;
}

/** When others come in who fill the same places. */
function Widening({ stage: { also, widensAt } }: { stage: Stage }) {
  if (also === undefined) return null;
  const whom = fromWhom(also.from);
  if (widensAt === null) return `; ${describeDuration(also.afterSeconds)} after that also ${whom}`;
  return (
    <>
      ; also {whom} <When at={widensAt} as="ago" />
    </>
  );
}
