// The second signature: names what is signed, by its digest, and says what follows at once.

import { Button, Modal } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { ProposalDetail } from '../../src/api/policy-plan.ts';
import { signChange } from '../api/policy-changes.ts';
import { FailureNote, Trouble } from '../parts/failure-note.tsx';
import { counted } from '../words/counts.ts';

interface Props {
  change: ProposalDetail;
  onDone: () => unknown;
  onClose: () => void;
}

export function SignChangeForm({ change, onDone, onClose }: Props) {
  const signing = useMutation({
    mutationFn: () => signChange(change.id, change.digest),
    onSuccess: async () => {
      await onDone();
      onClose();
    },
  });
  const { plan } = change;
  return (
    <Modal opened onClose={onClose} title={<h2>Sign this change</h2>}>
      <div className="sp-stack">
        <p>It is in force at once, for every new decision and for what lives already.</p>
        {plan === null ? (
          <Trouble>
            <p>The plan is not made yet: you would sign without knowing what it does.</p>
          </Trouble>
        ) : (
          <p>
            {counted(plan.differences, 'decision')} of the last {plan.days} days would have been different;{' '}
            {counted(plan.grants.end, 'live grant')} would end.
          </p>
        )}
        {change.soleSigner ? (
          <Trouble>
            <p>
              You change policy alone, because nobody else may. That is written into the log, and shown
              wherever this change is.
            </p>
          </Trouble>
        ) : null}
        <div>
          <span className="sp-label">Digest that you sign</span>
          <p className="sp-mono sp-wrap">{change.digest}</p>
        </div>
        {signing.error === null ? null : <FailureNote error={signing.error} />}
        <div className="sp-row">
          <Button loading={signing.isPending} onClick={() => signing.mutate()}>
            {change.soleSigner ? 'Sign alone' : 'Sign'}
          </Button>
          <Button variant="default" onClick={onClose}>
            Not now
          </Button>
        </div>
      </div>
    </Modal>
  );
}
