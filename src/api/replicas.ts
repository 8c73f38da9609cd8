// Replicas on the wire.

import { z } from 'zod';
import { reasonText } from './text.ts';

/** As config/replica.ts and the store have it. */
export const MOST_DRAIN_SECONDS = 3_600;

export const readinessAnswer = z.object({ ready: z.boolean() });

export const replica = z.object({
  name: z.string(),
  version: z.string(),
  /** `api`, `gateway`, `worker`. */
  roles: z.array(z.string()),
  /** By what: `http`, `postgres`. */
  addresses: z.record(z.string(), z.string()),
  state: z.enum(['running', 'draining', 'stopped', 'gone']),
  startedAt: z.iso.datetime(),
  seenAt: z.iso.datetime(),
});
export type ReplicaView = z.infer<typeof replica>;

export const drainBody = z.object({
  reason: reasonText,
  /** How long open sessions may go on; as the replica was started with unless given. */
  seconds: z.int().min(0).max(MOST_DRAIN_SECONDS, `At most ${MOST_DRAIN_SECONDS} s.`).optional(),
});
export type DrainBody = z.infer<typeof drainBody>;

export const replicaList = z.object({ items: z.array(replica) });
