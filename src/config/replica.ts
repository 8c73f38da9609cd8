// What makes this process one of several: its name, what it does, how long it lets sessions finish when it is told to
// stop, and where the installation's master key comes from.

import { resolve } from 'node:path';
import { z } from 'zod';

export const ROLE_NAMES = ['api', 'gateway', 'worker'] as const;
export type RoleName = (typeof ROLE_NAMES)[number];

export interface ReplicaConfig {
  /** null: the host's name and a few letters, kept in the data folder. */
  name: string | null;
  roles: RoleName[];
  /** How long live sessions may go on after SIGTERM. */
  drainSeconds: number;
}

export const MOST_DRAIN_SECONDS = 3_600;
const replicaName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'Letters a-z, digits and -, at most 63 characters.');
const roles = z
  .array(z.enum(ROLE_NAMES, `One of ${ROLE_NAMES.join(', ')}.`))
  .min(1, `At least one of ${ROLE_NAMES.join(', ')}.`);
const drainSeconds = z.coerce.number().int().min(0).max(MOST_DRAIN_SECONDS);

/** Keys of the configuration file. */
export const replicaKeys = {
  replica: replicaName.optional(),
  roles: roles.optional(),
  drainSeconds: drainSeconds.optional(),
  masterKey: z.string().min(1).optional(),
};

/** Variables of the environment. */
export const replicaVariables = {
  SALLY_REPLICA: replicaName.optional(),
  SALLY_ROLES: z
    .string()
    .transform((text) => text.split(',').map((role) => role.trim()))
    .pipe(roles)
    .optional(),
  SALLY_DRAIN_SECONDS: drainSeconds.optional(),
  SALLY_MASTER_KEY_FILE: z.string().min(1).optional(),
};

type File = { [K in keyof typeof replicaKeys]?: z.infer<(typeof replicaKeys)[K]> };
type Variables = { [K in keyof typeof replicaVariables]?: z.infer<(typeof replicaVariables)[K]> };

export function replicaFrom(variables: Variables, file: File): ReplicaConfig {
  return {
    name: variables.SALLY_REPLICA ?? file.replica ?? null,
    roles: [...new Set(variables.SALLY_ROLES ?? file.roles ?? ROLE_NAMES)],
    drainSeconds: variables.SALLY_DRAIN_SECONDS ?? file.drainSeconds ?? 0,
  };
}

/** null: `keys/master.key` in the data folder. */
export function masterKeyFileFrom(variables: Variables, file: File, folder: string): string | null {
  const named = variables.SALLY_MASTER_KEY_FILE ?? file.masterKey;
  return named === undefined ? null : resolve(folder, named);
}
