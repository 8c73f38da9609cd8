// Proposes a draft: the set in force with the draft's Cedar in one file more, or behind what that file holds, as a change
// of policy for somebody else to sign. Its page shows the plan.

import { Select, Textarea } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { inForceQuery, packsQuery, propose } from '../api/policy-changes.ts';
import { queries } from '../api/query-client.ts';
import { DialogForm } from '../parts/dialog-form.tsx';
import { filesFor, withDraft } from '../words/draft-file.ts';

interface Props {
  draft: { name: string; text: string };
  /** The segment that it is for; null for anywhere, or a target. */
  segment: string | null;
  /** May change policy: beside packs, files for everywhere. */
  everywhere: boolean;
  onClose: () => void;
}

export function ProposeDraftForm({ draft, segment, everywhere, onClose }: Props) {
  const inForce = useQuery(inForceQuery);
  const packs = useQuery(packsQuery);
  const navigate = useNavigate();
  const [picked, setPicked] = useState<string | null>(null);
  const [comment, setComment] = useState('');
  const choices = filesFor(draft.name, { segment, everywhere, packs: packs.data ?? [] });
  const file = picked ?? choices[0] ?? null;
  const held = file === null ? undefined : inForce.data?.files[file];
  const proposing = useMutation({
    mutationFn: async () => {
      if (inForce.data === undefined || file === null) throw new Error('Not loaded yet.');
      return propose({
        files: withDraft(inForce.data.files, file, draft.text),
        baseDigest: inForce.data.digest,
        comment: comment.trim(),
      });
    },
    onSuccess: async ({ proposal }) => {
      void queries.invalidateQueries({ queryKey: ['policy-changes'] });
      await navigate({ to: '/policy/changes/$id', params: { id: proposal.id } });
    },
  });
  return (
    <DialogForm
      title="Propose this policy"
      act="Propose"
      leave="Not now"
      ready={comment.trim() !== '' && file !== null && inForce.data !== undefined}
      pending={proposing.isPending}
      error={proposing.error ?? inForce.error ?? packs.error}
      onSend={() => proposing.mutate()}
      onClose={onClose}
    >
      <p>
        Nothing changes yet: a second person signs it, after looking at what it would have changed. You see
        that next.
      </p>
      {choices.length === 0 && packs.data !== undefined ? (
        <p>
          You may propose changes to the packs of segments that your groups own, and this policy reaches
          beyond them.
        </p>
      ) : (
        <Select
          label="File"
          data={choices}
          value={file}
          onChange={setPicked}
          allowDeselect={false}
          description={
            held === undefined ? 'A new file.' : 'It holds policies already: this one is added behind them.'
          }
        />
      )}
      <Textarea
        label="Why"
        value={comment}
        onChange={(event) => setComment(event.currentTarget.value)}
        autosize
        minRows={2}
        maxLength={2000}
        data-autofocus
      />
    </DialogForm>
  );
}
