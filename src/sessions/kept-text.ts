// What is said of a recording that is not there any more.

import { formatDuration } from '../base/duration.ts';

/** For people; `keptSeconds` null should not be, and says less. */
export function removedText(removedAt: Date, keptSeconds: number | null): string {
  const after = keptSeconds === null ? '' : ` by retention of ${formatDuration(keptSeconds)}`;
  return `Its recording was removed on ${removedAt.toISOString().slice(0, 10)}${after}. Its hash stays in the audit log.`;
}
