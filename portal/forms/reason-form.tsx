// A dialog that asks for a reason before it ends something: a grant of somebody, a session.

import { Textarea } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { DialogForm } from '../parts/dialog-form.tsx';

interface Props {
  title: string;
  /** What happens, in a sentence. */
  children: ReactNode;
  /** The button that does it. */
  act: string;
  /** The button that leaves it as it is. */
  leave?: string;
  /** It can be taken back. */
  harmless?: boolean;
  onAct: (reason: string) => Promise<unknown>;
  onClose: () => void;
}

export function ReasonForm({
  title,
  children,
  act,
  leave = 'Keep it',
  harmless = false,
  onAct,
  onClose,
}: Props) {
  const [reason, setReason] = useState('');
  const acting = useMutation({ mutationFn: () => onAct(reason.trim()), onSuccess: onClose });
  return (
    <DialogForm
      title={title}
      act={act}
      leave={leave}
      ends={!harmless}
      ready={reason.trim() !== ''}
      pending={acting.isPending}
      error={acting.error}
      onSend={() => acting.mutate()}
      onClose={onClose}
    >
      <p>{children}</p>
      <Textarea
        label="Reason"
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
        autosize
        minRows={2}
        maxLength={2000}
        data-autofocus
      />
    </DialogForm>
  );
}
