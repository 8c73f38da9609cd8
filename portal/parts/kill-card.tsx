// One kill switch: what it stops, by whom and why, how many grants the targets have confirmed gone, and lifting it.

import { Button, Progress } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { Kill } from '../../src/api/kills.ts';
import { liftKill } from '../api/kills.ts';
import { queries } from '../api/query-client.ts';
import { ReasonForm } from '../forms/reason-form.tsx';
import { killScopeText, progressText } from '../words/kills.ts';
import { GRANT_STATES } from '../words/states.ts';
import { When } from './when.tsx';

export function KillCard({ kill }: { kill: Kill }) {
  const [lifting, setLifting] = useState(false);
  const { progress } = kill;
  return (
    <article className="sp-panel sp-pad sp-stack" aria-label={killScopeText(kill)}>
      <h3>
        {killScopeText(kill)} {kill.liftedAt === null ? 'is stopped' : 'was stopped'}
      </h3>
      <p className="sp-wrap">{kill.reason}</p>
      <p className="sp-soft sp-small">
        {kill.killedBy.displayName}, <When at={kill.killedAt} />
        {kill.liftedAt === null ? null : (
          <>
            {' '}
            · lifted by {kill.liftedBy?.displayName}, <When at={kill.liftedAt} />: {kill.liftReason}
          </>
        )}
      </p>
      {progress === null ? null : (
        <>
          {progress.grants === 0 ? null : (
            <Progress
              value={(100 * progress.gone) / progress.grants}
              aria-label={`${progress.gone} of ${progress.grants} grants gone`}
              color={progress.gone === progress.grants ? 'moss' : 'ember'}
            />
          )}
          <p aria-live="polite">{progressText(kill)}</p>
          {progress.waiting.length === 0 ? null : (
            <ul className="sp-list sp-stack" aria-label="Not gone yet">
              {progress.waiting.map((one) => (
                <li key={one.grantId} className="sp-wrap">
                  <Link to="/grants/$id" params={{ id: one.grantId }} className="sp-link">
                    {one.task} on {one.target}
                  </Link>{' '}
                  <span className="sp-soft">
                    of {one.principal} · {GRANT_STATES[one.state].word}
                    {one.lastError === null ? '' : ` · ${one.lastError}`}
                  </span>
                </li>
              ))}
            </ul>
          )}
        </>
      )}
      {kill.mayLift ? (
        <div>
          <Button variant="default" onClick={() => setLifting(true)}>
            Lift it
          </Button>
        </div>
      ) : null}
      {lifting ? (
        <ReasonForm
          title="Lift the kill switch"
          act="Lift it"
          onAct={async (reason) => {
            await liftKill(kill.id, reason);
            await queries.invalidateQueries({ queryKey: ['kills'] });
          }}
          onClose={() => setLifting(false)}
        >
          New requests are possible again. What was ended stays ended.
        </ReasonForm>
      ) : null}
    </article>
  );
}
