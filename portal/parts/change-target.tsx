// What changes on a target while grants are live: the administrator's login there, and its standbys.

import { useState } from 'react';
import type { Me } from '../../src/api/people.ts';
import type { Target } from '../../src/api/targets.ts';
import { ChangeCredentialForm } from '../forms/change-credential-form.tsx';
import { ChangeNodesForm } from '../forms/change-nodes-form.tsx';
import { mayAdminister } from '../words/may.ts';
import { WhyButton } from './why-button.tsx';

export function ChangeTarget({ target, me }: { target: Target; me: Me }) {
  const [open, setOpen] = useState<'credential' | 'nodes' | null>(null);
  const mayNot = mayAdminister(me);
  if (mayNot !== null) return null;
  const close = () => setOpen(null);
  return (
    <>
      {/* Of a host its key is the login: `sally keys rotate` makes another. */}
      {target.kind === 'ssh' ? null : (
        <WhyButton variant="default" size="sm" mayNot={mayNot} onClick={() => setOpen('credential')}>
          Change its login
        </WhyButton>
      )}
      {target.kind === 'postgres' ? (
        <WhyButton variant="default" size="sm" mayNot={mayNot} onClick={() => setOpen('nodes')}>
          Change standbys
        </WhyButton>
      ) : null}
      {open === 'credential' ? <ChangeCredentialForm target={target.name} onClose={close} /> : null}
      {open === 'nodes' ? <ChangeNodesForm target={target} onClose={close} /> : null}
    </>
  );
}
