// What the use-cases of grants work with. Everything that a test may want to replace enters here.

import type { Logger } from '../base/log.ts';
import type { Keyring } from '../base/master-key.ts';
import type { Db } from '../db/client.ts';
import type { Events } from '../events/events.ts';
import type { Turns } from '../jobs/turns.ts';
import type { Policies } from '../policy/publish.ts';
import type { Targets } from '../targets/targets.ts';
import type { Tasks } from '../targets/tasks.ts';

export interface GrantsContext {
  db: Db;
  /** This run of this replica: whose leases and turns are ours. */
  run: string;
  turns: Turns;
  log: Logger;
  masterKey: Keyring;
  policies: Policies;
  targets: Targets;
  tasks: Tasks;
  events: Events;
  /** Where clients find the gateway, for connection strings. */
  gatewayAddress: { host: string; port: number };
  /** Where they find the one for SSH, and the key that it shows (`type base64`; empty until one runs). */
  sshAddress: { host: string; port: number; hostKey: string };
  /** The portal's origin as people's browsers know it; known once the server listens. */
  publicUrl: () => string;
  /** Why no new elevation may begin now (the log is not what was signed), or null. Revocation never asks. */
  heldBack: () => string | null;
  /** How long recordings are kept where policy names nothing (null: for ever), and the least that it may name. */
  recordings: { keepSeconds: number | null; keepAtLeastSeconds: number | null };
  /** A request that nobody decides is over after this. */
  pendingLifetimeSeconds: number;
}

/** A day: long enough for another time zone's approver, short enough that nobody approves what is forgotten. */
export const PENDING_LIFETIME_SECONDS = 86_400;
