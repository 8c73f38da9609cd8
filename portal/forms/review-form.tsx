// The verdict on a use of break-glass, with a text, once.

import { Button, Radio, Textarea } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { type Review, verdict as verdicts } from '../../src/api/break-glass.ts';
import { decideReview } from '../api/break-glass.ts';
import { queries } from '../api/query-client.ts';
import { FailureNote } from '../parts/failure-note.tsx';
import { VERDICTS } from '../words/break-glass.ts';

export function ReviewForm({ review }: { review: Review }) {
  const [verdict, setVerdict] = useState('');
  const [comment, setComment] = useState('');
  const chosen = verdicts.safeParse(verdict);
  const ready = chosen.success && comment.trim() !== '';
  const deciding = useMutation({
    mutationFn: async () => {
      if (chosen.success) await decideReview(review.id, chosen.data, comment.trim());
    },
    onSuccess: () => queries.invalidateQueries(),
  });
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (ready) deciding.mutate();
  };
  return (
    <form onSubmit={send} className="sp-stack">
      <Radio.Group label="Verdict" value={verdict} onChange={setVerdict}>
        <div className="sp-stack">
          {verdicts.options.map((one) => (
            <Radio key={one} value={one} label={VERDICTS[one].label} description={VERDICTS[one].meaning} />
          ))}
        </div>
      </Radio.Group>
      <Textarea
        label="Why"
        description="Whoever used it and the audit log see this. A verdict is given once."
        value={comment}
        onChange={(event) => setComment(event.currentTarget.value)}
        autosize
        minRows={3}
        maxLength={2000}
      />
      {deciding.error === null ? null : <FailureNote error={deciding.error} />}
      <div className="sp-row">
        <Button type="submit" disabled={!ready} loading={deciding.isPending}>
          Decide
        </Button>
      </div>
    </form>
  );
}
