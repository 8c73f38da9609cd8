// A dialog that asks for something and then does it: its fields, why it could not be done, the button that does it, and
// the one that leaves everything as it is.

import { Button, Modal } from '@mantine/core';
import type { FormEvent, ReactNode } from 'react';
import { FailureNote } from './failure-note.tsx';

interface Props {
  title: string;
  children: ReactNode;
  /** The button that does it, and the one that does not. */
  act: string;
  leave: string;
  /** It ends something. */
  ends?: boolean;
  /** Everything that it needs is there. */
  ready: boolean;
  pending: boolean;
  error: unknown;
  onSend: () => void;
  onClose: () => void;
}

export function DialogForm(props: Props) {
  const { title, children, act, leave, ends = false, ready, pending, error, onSend, onClose } = props;
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (ready) onSend();
  };
  return (
    <Modal opened onClose={onClose} title={<h2>{title}</h2>}>
      <form onSubmit={send} className="sp-stack">
        {children}
        {error === null ? null : <FailureNote error={error} />}
        <div className="sp-row">
          <Button type="submit" loading={pending} disabled={!ready} {...(ends ? { color: 'ember' } : {})}>
            {act}
          </Button>
          <Button variant="default" onClick={onClose}>
            {leave}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
