// A connection string: issued when asked for, shown once, kept nowhere.

import { Button, Modal } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { Grant } from '../../src/api/grants.ts';
import { issueCredential } from '../api/grants.ts';
import { CopyLine } from './copy-line.tsx';
import { FailureNote } from './failure-note.tsx';
import { When } from './when.tsx';

export function CredentialDialog({ grant, onClose }: { grant: Grant; onClose: () => void }) {
  const issuing = useMutation({ mutationFn: () => issueCredential(grant.id), gcTime: 0 });
  return (
    <Modal opened onClose={onClose} title={<h2>Connection string for {grant.target}</h2>} size="lg">
      <div className="sp-stack">
        {issuing.data === undefined ? (
          <>
            <p>
              A secret is made for this grant and shown here once. It works through the gateway only, and only
              until the grant ends. A grant can have five of them.
            </p>
            {issuing.error === null ? null : <FailureNote error={issuing.error} />}
            <div className="sp-row">
              <Button loading={issuing.isPending} onClick={() => issuing.mutate()} data-autofocus>
                Issue and show
              </Button>
              <Button variant="default" onClick={onClose}>
                Not now
              </Button>
            </div>
          </>
        ) : (
          <>
            <CopyLine text={issuing.data.dsn} label="Copy the connection string" />
            <p className="sp-soft">
              Works until <When at={issuing.data.expiresAt} as="exact" />. Copy it now: it is not shown again.
            </p>
            <div className="sp-row">
              <Button onClick={onClose}>I have it</Button>
            </div>
          </>
        )}
      </div>
    </Modal>
  );
}
