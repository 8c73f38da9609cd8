// Pressing a kill switch: what, why, and the name typed once more. The button wakes when the two names are the same.

import { Button, SegmentedControl, Textarea, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { EVERYTHING, KILL_SCOPES, type KillScope } from '../../src/api/kills.ts';
import { pressKill } from '../api/kills.ts';
import { queries } from '../api/query-client.ts';
import { FailureNote } from '../parts/failure-note.tsx';
import { SCOPES } from '../words/kills.ts';

interface Props {
  start: { scope: KillScope; name: string };
  /** What this reader may stop. */
  scopes: KillScope[];
}

export function KillForm({ start, scopes }: Props) {
  const [scope, setScope] = useState<KillScope>(start.scope);
  const [typed, setTyped] = useState(start.name);
  const [reason, setReason] = useState('');
  const [confirm, setConfirm] = useState('');
  const name = scope === EVERYTHING ? EVERYTHING : typed.trim();
  const pressing = useMutation({
    mutationFn: () => pressKill({ scope, name, reason: reason.trim(), confirm }),
    onSuccess: async () => {
      setConfirm('');
      setReason('');
      await Promise.all([
        queries.invalidateQueries({ queryKey: ['kills'] }),
        queries.invalidateQueries({ queryKey: ['grants'] }),
      ]);
    },
  });
  const ready = name !== '' && confirm === name && reason.trim() !== '';
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (ready) pressing.mutate();
  };
  return (
    <form onSubmit={send} className="sp-panel sp-pad sp-stack" aria-label="Stop access">
      <SegmentedControl
        value={scope}
        onChange={(value) => setScope(KILL_SCOPES.find((one) => one === value) ?? 'target')}
        data={scopes.map((value) => ({ value, label: SCOPES[value].label }))}
        orientation={window.innerWidth < 480 ? 'vertical' : 'horizontal'}
        aria-label="What to stop"
      />
      <p className="sp-soft">
        {SCOPES[scope].means} Sessions are cut at once, pending requests are cancelled, and nothing new is
        given there until an administrator lifts it.
      </p>
      {scope === EVERYTHING ? null : (
        <TextInput
          label={SCOPES[scope].name}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          maxLength={630}
        />
      )}
      <Textarea
        label="Reason"
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value.replaceAll('\n', ' '))}
        autosize
        minRows={2}
        maxLength={2000}
      />
      <TextInput
        label={name === '' ? 'Type the name once more' : `Type ${name} to confirm`}
        value={confirm}
        onChange={(event) => setConfirm(event.currentTarget.value)}
        autoComplete="off"
        maxLength={630}
      />
      {pressing.error === null ? null : <FailureNote error={pressing.error} />}
      <div>
        <Button type="submit" color="ember" loading={pressing.isPending} disabled={!ready}>
          Stop it now
        </Button>
      </div>
    </form>
  );
}
