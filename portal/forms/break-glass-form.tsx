// Breaking the glass in the portal: target, task, what has happened, and the target's name typed once more.

import { Select, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { breakGlass } from '../api/break-glass.ts';
import { queries } from '../api/query-client.ts';
import { targetsQuery } from '../api/targets.ts';
import { DialogForm } from '../parts/dialog-form.tsx';

export function BreakGlassForm({ onClose }: { onClose: () => void }) {
  const targets = useQuery(targetsQuery).data ?? [];
  const [target, setTarget] = useState<string | null>(null);
  const [task, setTask] = useState<string | null>(null);
  const [reason, setReason] = useState('');
  const [typed, setTyped] = useState('');
  const [drill, setDrill] = useState(false);
  const navigate = useNavigate();
  const breaking = useMutation({
    mutationFn: () =>
      breakGlass({ target: target ?? '', task: task ?? '', reason: reason.trim(), confirm: typed, drill }),
    onSuccess: async (done) => {
      await queries.invalidateQueries();
      onClose();
      await navigate({ to: '/requests/$id', params: { id: done.grant.requestId } });
    },
  });
  const ready = target !== null && task !== null && reason.trim() !== '' && typed === target;
  return (
    <DialogForm
      title="Break the glass"
      act="Break the glass"
      leave="Not now"
      ends
      ready={ready}
      pending={breaking.isPending}
      error={breaking.error}
      onSend={() => breaking.mutate()}
      onClose={onClose}
    >
      <p>
        Nobody approves. Everybody whom it goes past is told at once, it stands on every page, and somebody
        else reviews what you did.
      </p>
      <Select
        label="Target"
        data={targets.map((one) => one.name)}
        value={target}
        onChange={(next) => {
          setTarget(next);
          setTask(null);
        }}
        searchable
        data-autofocus
      />
      <Select
        label="Task"
        data={targets.find((one) => one.name === target)?.tasks ?? []}
        value={task}
        onChange={setTask}
        disabled={target === null}
      />
      <Textarea
        label="What has happened"
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
        autosize
        minRows={2}
        maxLength={2000}
      />
      <label className="sp-row">
        <input type="checkbox" checked={drill} onChange={(event) => setDrill(event.currentTarget.checked)} />
        It is the drill that was ordered of me
      </label>
      <TextInput
        label={target === null ? 'The target’s name, once more' : `Type ${target} to go on`}
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
        autoComplete="off"
        spellCheck={false}
      />
    </DialogForm>
  );
}
