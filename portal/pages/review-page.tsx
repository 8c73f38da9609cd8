// One review: who broke the glass, why, what was done in it, and the verdict.

import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import type { Review } from '../../src/api/break-glass.ts';
import { reviewQuery } from '../api/break-glass.ts';
import { ReviewForm } from '../forms/review-form.tsx';
import { Facts } from '../parts/facts.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Page } from '../parts/page.tsx';
import { StateBadge } from '../parts/state-badge.tsx';
import { When } from '../parts/when.tsx';
import { reviewState, VERDICTS } from '../words/break-glass.ts';
import { counted, listText } from '../words/counts.ts';

export function ReviewPage() {
  const { id } = useParams({ from: '/in/reviews/$id' });
  const found = useQuery(reviewQuery(id));
  const one = found.data;
  return (
    <Page
      title={
        one === undefined
          ? 'Review'
          : `${one.drill ? 'Drill: ' : ''}${one.task} on ${one.target ?? one.segment}`
      }
      lead={one === undefined ? undefined : `“${one.reason}”`}
      above={
        <Link to="/break-glass" className="sp-link">
          Break-glass
        </Link>
      }
    >
      <Loaded query={found} rows={3} rowHeight={120}>
        {(review) => (
          <div className="sp-stack">
            <ReviewFacts review={review} />
            <WhatWasDone review={review} />
            <Decision review={review} />
          </div>
        )}
      </Loaded>
    </Page>
  );
}

function ReviewFacts({ review }: { review: Review }) {
  const facts = [
    { name: 'State', value: <StateBadge words={reviewState(review)} /> },
    {
      name: review.source === 'kit' ? 'Holders of the kit' : 'Used by',
      value: listText(review.usedBy.map((one) => one.displayName)),
    },
    { name: 'Opened', value: <When at={review.openedAt} as="ago" /> },
    { name: 'Due', value: <When at={review.dueAt} /> },
    { name: 'Told', value: counted(review.told.length, 'person', 'people') },
    ...(review.chases === 0 ? [] : [{ name: 'Reminded', value: counted(review.chases, 'time', 'times') }]),
  ];
  return <Facts facts={facts} />;
}

function WhatWasDone({ review }: { review: Review }) {
  const nothing = review.sessions.length === 0 && review.openings.length === 0;
  return (
    <section className="sp-section" aria-labelledby="done">
      <h2 id="done">What was done</h2>
      {nothing ? <p className="sp-soft">No session was opened with it so far.</p> : null}
      {review.sessions.length === 0 ? null : (
        <ul className="sp-list sp-stack">
          {review.sessions.map((one) => (
            <li key={one.id}>
              <Link to="/sessions/$id" params={{ id: one.id }} className="sp-link">
                Session of <When at={one.startedAt} />
              </Link>
              : {one.endedAt === null ? 'still open' : counted(one.statements, 'statement', 'statements')}
            </li>
          ))}
        </ul>
      )}
      {review.requestId === null ? null : (
        <p>
          <Link to="/requests/$id" params={{ id: review.requestId }} className="sp-link">
            The whole elevation, with its evidence
          </Link>
        </p>
      )}
      {review.openings.length === 0 ? null : (
        <>
          <p className="sp-soft">
            Read on the targets. Who it was is as they gave it: Sallyport was not there to check.
          </p>
          <ul className="sp-list sp-stack">
            {review.openings.map((one) => (
              <li key={`${one.target} ${one.number}`}>
                <strong>{one.target}</strong>, <When at={one.at} as="exact" />: {OPENING[one.act] ?? one.act}{' '}
                · {one.holders} · {one.clientAddress ?? 'on the machine itself'} · “{one.reason}”
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

const OPENING: Record<string, string> = {
  recorded: 'written down',
  'let-in': 'let in',
  refused: 'refused, it was over',
};

function Decision({ review }: { review: Review }) {
  return (
    <section className="sp-section" aria-labelledby="verdict">
      <h2 id="verdict">Verdict</h2>
      {review.verdict !== null ? (
        <p>
          <strong>{VERDICTS[review.verdict].label}</strong>, says{' '}
          {review.decidedBy?.displayName ?? 'somebody'}: “{review.comment}”
        </p>
      ) : review.mayDecide ? (
        <ReviewForm review={review} />
      ) : (
        <p className="sp-soft">{review.mayNot}</p>
      )}
    </section>
  );
}
