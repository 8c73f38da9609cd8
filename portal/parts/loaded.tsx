// What a question looks like while it waits, when it failed, and when it is answered.

import { Skeleton, VisuallyHidden } from '@mantine/core';
import type { ReactNode } from 'react';
import { FailureNote } from './failure-note.tsx';

interface Asked<Data> {
  data: Data | undefined;
  error: unknown;
  isPending: boolean;
  refetch: () => unknown;
}

interface Props<Data> {
  query: Asked<Data>;
  /** How many lines the skeleton has, and how high each is, in px. */
  rows?: number;
  rowHeight?: number;
  children: (data: Data) => ReactNode;
}

export function Loaded<Data>({ query, rows = 2, rowHeight = 76, children }: Props<Data>) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.error !== null && query.error !== undefined) {
    return <FailureNote error={query.error} onRetry={() => void query.refetch()} />;
  }
  const lines = Array.from({ length: rows }, (_, line) => `line ${line}`);
  return (
    <div className="sp-stack" aria-busy="true">
      <VisuallyHidden>Loading</VisuallyHidden>
      {lines.map((line) => (
        <Skeleton key={line} height={rowHeight} radius="lg" />
      ))}
    </div>
  );
}
