// How far the approvals are: each stage with who could still give it, and who has looked.

import type { Request } from '../../src/api/requests.ts';
import { fromWhom, listText } from '../words/counts.ts';
import styles from './stage-list.module.css';
import { When } from './when.tsx';

export function StageList({ request }: { request: Request }) {
  return (
    <div className={styles.whole}>
      {request.stages.map((stage) => (
        <div key={`${stage.count} ${stage.from}`} className={styles.stage}>
          <span className={styles.doors} role="img" aria-label={`${stage.given} of ${stage.count} given`}>
            {Array.from({ length: stage.count }, (_, place) => `place ${place}`).map((place, position) => (
              <span key={place} className={styles.door} data-given={position < stage.given} />
            ))}
          </span>
          <span>
            <strong>
              {stage.given} of {stage.count}
            </strong>{' '}
            from {fromWhom(stage.from)}
            {stage.given < stage.count ? (
              <span className="sp-soft">
                {stage.candidates.length === 0
                  ? '. Nobody can give it now: tell an administrator.'
                  : `: ${listText(stage.candidates.map((person) => person.displayName))} can approve`}
              </span>
            ) : null}
          </span>
        </div>
      ))}
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
    </div>
  );
}
