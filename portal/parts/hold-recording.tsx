// A hold on a session's recording, and its end; for whoever runs Sallyport.

import { useState } from 'react';
import type { Me } from '../../src/api/people.ts';
import type { Session } from '../../src/api/sessions.ts';
import { queries } from '../api/query-client.ts';
import { holdSession, releaseSession } from '../api/sessions.ts';
import { ReasonForm } from '../forms/reason-form.tsx';
import { mayAdminister, mayHold } from '../words/may.ts';
import { WhyButton } from './why-button.tsx';

export function HoldRecording({ session, me }: { session: Session; me: Me }) {
  const [asking, setAsking] = useState(false);
  const { hold, removedAt } = session.kept;
  if (removedAt !== null || mayAdminister(me) !== null) return null;
  async function act(reason: string): Promise<void> {
    await (hold === null ? holdSession : releaseSession)(session.id, reason);
    await queries.invalidateQueries({ queryKey: ['sessions'] });
  }
  const [title, button] =
    hold === null ? ['Hold this recording', 'Hold it'] : ['Release this recording', 'Release it'];
  return (
    <>
      <WhyButton variant="outline" mayNot={mayHold(session, me)} onClick={() => setAsking(true)}>
        {hold === null ? 'Hold recording' : 'Release recording'}
      </WhyButton>
      {asking ? (
        <ReasonForm
          title={title}
          act={button}
          leave="Leave it"
          harmless={hold === null}
          onAct={act}
          onClose={() => setAsking(false)}
        >
          {hold === null
            ? 'It is not removed, whatever its time, until somebody releases it.'
            : 'From now on it is removed when its time is over; that may be at once.'}
        </ReasonForm>
      ) : null}
    </>
  );
}
