// An emergency kit: whether it would open now, who holds it, and what is the reader's own to take.

import { Button, Modal } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import type { Kit } from '../../src/api/kits.ts';
import { describeDuration } from '../../src/base/duration.ts';
import { takeShare } from '../api/break-glass.ts';
import { apiPath } from '../api/paths.ts';
import { queries } from '../api/query-client.ts';
import { counted, listText } from '../words/counts.ts';

import { CopyLine } from './copy-line.tsx';
import { Facts } from './facts.tsx';
import { FailureNote } from './failure-note.tsx';
import { StateBadge } from './state-badge.tsx';
import { When } from './when.tsx';

export function KitCard({ kit }: { kit: Kit }) {
  const [taking, setTaking] = useState(false);
  const name = `kit-${kit.segment.replaceAll('/', '-')}.json`;
  return (
    <article className="sp-panel sp-pad sp-stack" aria-label={`Emergency kit of ${kit.segment}`}>
      <div className="sp-row">
        <h3>{kit.segment}</h3>
        <StateBadge words={stateOf(kit)} />
      </div>
      {kit.problems.length === 0 ? null : (
        <ul className="sp-list sp-wrap">
          {kit.problems.map((problem) => (
            <li key={problem}>{problem}</li>
          ))}
        </ul>
      )}
      <Facts
        facts={[
          { name: 'Opens', value: `${kit.task}, for ${describeDuration(kit.limitSeconds)}` },
          { name: 'On', value: listText(kit.targets.map((one) => one.name)) },
          {
            name: `${kit.quorum} of ${kit.holders.length} holders`,
            value: listText(
              kit.holders.map((one) => `${one.person.displayName}${one.hasShare ? '' : ' (no share yet)'}`),
            ),
          },
          { name: 'Generation', value: String(kit.generation) },
          ...(kit.checkedAt === null
            ? []
            : [{ name: 'Checked', value: <When at={kit.checkedAt} as="ago" /> }]),
          ...(kit.expiresAt === null ? [] : [{ name: 'Expires', value: <When at={kit.expiresAt} /> }]),
        ]}
      />
      {kit.state === 'ready' ? (
        <div className="sp-row">
          <Button component="a" href={apiPath.kitFile(kit.id)} download={name} variant="default">
            Take the sealed file
          </Button>
          {kit.mine?.shareWaits === true ? (
            <Button onClick={() => setTaking(true)}>Take your share</Button>
          ) : null}
        </div>
      ) : null}
      {taking ? <ShareDialog kit={kit} onClose={() => setTaking(false)} /> : null}
    </article>
  );
}

function stateOf(kit: Kit) {
  if (kit.state !== 'ready')
    return {
      word: kit.state === 'making' ? 'Being made' : 'Being taken away',
      tone: 'wait',
      meaning: 'Its logins on the targets are brought to what is wanted.',
    } as const;
  return kit.problems.length === 0
    ? ({ word: 'Would open', tone: 'open', meaning: 'At the last check every login worked.' } as const)
    : ({
        word: 'Stale',
        tone: 'bad',
        meaning: `${counted(kit.problems.length, 'thing is', 'things are')} in the way.`,
      } as const);
}

function ShareDialog({ kit, onClose }: { kit: Kit; onClose: () => void }) {
  const taking = useMutation({
    mutationFn: () => takeShare(kit.id),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['kits'] }),
    gcTime: 0,
  });
  return (
    <Modal opened onClose={onClose} title={<h2>Your share of {kit.segment}</h2>} size="lg">
      <div className="sp-stack">
        {taking.data === undefined ? (
          <>
            <p>
              It is shown here once and kept nowhere afterwards. {kit.quorum} shares open the kit, one alone
              says nothing. Keep it away from the file.
            </p>
            {taking.error === null ? null : <FailureNote error={taking.error} />}
            <div className="sp-row">
              <Button loading={taking.isPending} onClick={() => taking.mutate()} data-autofocus>
                Show it
              </Button>
              <Button variant="default" onClick={onClose}>
                Not now
              </Button>
            </div>
          </>
        ) : (
          <>
            <CopyLine text={taking.data.share} label="Copy your share" />
            <p className="sp-soft">Write it down now: it is not shown again.</p>
            <div className="sp-row">
              <Button onClick={onClose}>I have it</Button>
            </div>
          </>
        )}
      </div>
    </Modal>
  );
}
