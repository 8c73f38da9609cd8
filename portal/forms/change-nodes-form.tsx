// The standbys of a target: sessions are ended there too, and a revocation is proven there too. All of them, each time.

import { Button, Modal, Textarea } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { Target } from '../../src/api/targets.ts';
import { queries } from '../api/query-client.ts';
import { changeNodes } from '../api/targets.ts';
import { FailureNote } from '../parts/failure-note.tsx';
import { nodesOf } from '../words/nodes.ts';

export function ChangeNodesForm({ target, onClose }: { target: Target; onClose: () => void }) {
  const [text, setText] = useState(target.nodes.join('\n'));
  const [problem, setProblem] = useState<string | null>(null);
  const changing = useMutation({
    mutationFn: (nodes: { host: string; port: number }[]) => changeNodes(target.name, nodes),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['targets'] });
      onClose();
    },
  });
  const send = (event: FormEvent) => {
    event.preventDefault();
    const read = nodesOf(text);
    setProblem(read.problem);
    if (read.problem === null) changing.mutate(read.nodes);
  };
  return (
    <Modal opened onClose={onClose} title={<h2>Standbys of {target.name}</h2>}>
      <form onSubmit={send} className="sp-stack" noValidate autoComplete="off">
        <p>
          Revocation ends sessions on each of them and waits until nothing is left there. Each is tried: what
          the check finds stands on the page. Until one that does not answer is back, or off this list, no
          grant is over.
        </p>
        <Textarea
          label="Standbys"
          description="One a line, as host:port. Empty: it has none."
          placeholder="replica-1.internal:5432"
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          error={problem}
          autosize
          minRows={3}
          maxLength={4000}
          data-autofocus
        />
        {changing.error === null ? null : <FailureNote error={changing.error} />}
        <div className="sp-row">
          <Button type="submit" loading={changing.isPending}>
            Keep them
          </Button>
          <Button variant="default" onClick={onClose}>
            Not now
          </Button>
        </div>
      </form>
    </Modal>
  );
}
