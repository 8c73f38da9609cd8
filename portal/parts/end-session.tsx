// Ends a live session, with a reason that its holder and the log get.

import { useState } from 'react';
import type { Me } from '../../src/api/people.ts';
import type { Session } from '../../src/api/sessions.ts';
import { queries } from '../api/query-client.ts';
import { endSession } from '../api/sessions.ts';
import { ReasonForm } from '../forms/reason-form.tsx';
import { mayEndSession } from '../words/may.ts';
import { WhyButton } from './why-button.tsx';

export function EndSession({ session, me }: { session: Session; me: Me }) {
  const [asking, setAsking] = useState(false);
  if (!session.live) return null;
  async function end(reason: string): Promise<void> {
    await endSession(session.id, reason);
    await queries.invalidateQueries({ queryKey: ['sessions'] });
  }
  return (
    <>
      <WhyButton
        color="ember"
        variant="outline"
        mayNot={mayEndSession(session, me)}
        onClick={() => setAsking(true)}
      >
        End session
      </WhyButton>
      {asking ? (
        <ReasonForm title="End this session" act="End it now" onAct={end} onClose={() => setAsking(false)}>
          The connection is cut at once; what runs on the target is cancelled. The grant stays until it is
          done.
        </ReasonForm>
      ) : null}
    </>
  );
}
