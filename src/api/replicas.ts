// Replicas on the wire.

import { z } from 'zod';

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

export const replicaList = z.object({ items: z.array(replica) });
