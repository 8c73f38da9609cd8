// What this process does by itself to recordings on its own disk, whatever its roles: they are where their sessions ran.

import { type Repeating, repeat } from '../jobs/repeat.ts';
import { type RetentionContext, removeOver } from '../sessions/retention.ts';

const RETENTION_EVERY_MS = 5_000;

export function recordingJobs(ctx: RetentionContext): Repeating[] {
  return [
    repeat(ctx, 'retention of recordings', RETENTION_EVERY_MS, async () =>
      (await removeOver(ctx)) ? 0 : undefined,
    ),
  ];
}
