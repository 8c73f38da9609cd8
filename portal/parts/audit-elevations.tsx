// Every elevation that the reader may see, newest first; each leads to its passage.

import { SegmentedControl } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { RequestState } from '../../src/api/requests.ts';
import { requestsPages } from '../api/requests.ts';
import { REQUEST_STATES } from '../words/states.ts';
import { Empty } from './empty.tsx';
import { Loaded } from './loaded.tsx';
import { MoreButton } from './more-button.tsx';
import { RequestLine } from './request-line.tsx';

const CHOICES: (RequestState | 'all')[] = ['all', 'pending', 'approved', 'denied'];

export function AuditElevations() {
  const [state, setState] = useState<RequestState | 'all'>('all');
  const requests = useInfiniteQuery(requestsPages('all', state === 'all' ? undefined : state));
  return (
    <div className="sp-stack">
      <SegmentedControl
        aria-label="Which elevations"
        value={state}
        onChange={(value) => setState(CHOICES.find((choice) => choice === value) ?? 'all')}
        data={CHOICES.map((choice) => ({
          value: choice,
          label: choice === 'all' ? 'All' : REQUEST_STATES[choice].word,
        }))}
        style={{ alignSelf: 'start' }}
      />
      <Loaded query={requests} rows={5} rowHeight={62}>
        {(pages) => {
          const items = pages.pages.flatMap((page) => page.items);
          if (items.length === 0)
            return (
              <Empty title="No elevation here">
                As soon as somebody asks for one, it stands here with everything that follows.
              </Empty>
            );
          return (
            <>
              <ul className="sp-list sp-panel">
                {items.map((request) => (
                  <RequestLine key={request.id} request={request} />
                ))}
              </ul>
              <MoreButton query={requests} />
            </>
          );
        }}
      </Loaded>
    </div>
  );
}
