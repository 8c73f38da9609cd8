// What routes work with: the use-cases' own contexts, never the store or a connector.

import type { RecoveryAnswer } from '../api/recovery.ts';
import type { AuditLog } from '../audit/log.ts';
import type { AddressRange } from '../base/address-ranges.ts';
import type { Logger } from '../base/log.ts';
import type { Events } from '../events/events.ts';
import type { GrantsContext } from '../grants/context.ts';
import type { Caller } from '../grants/submit.ts';
import type { GrantWorker } from '../grants/worker.ts';
import type { ProviderSettings } from '../identity/principal-view.ts';
import type { RefusedUses } from '../identity/refused-use.ts';
import type { Principals } from '../identity/sign-in.ts';
import type { SignInContext } from '../identity/sign-in-context.ts';
import type { WorkloadIdentity } from '../identity/workload/exchange.ts';
import type { Insight } from '../insight/insight.ts';
import type { Keys } from '../keys/keys.ts';
import type { RecoveryState } from '../replicas/recovery.ts';
import type { Replicas } from '../replicas/replicas.ts';
import type { SessionReader } from '../sessions/session-view.ts';
import type { HostEnrolment } from '../targets/host-enrolment.ts';

/** Whether this process may be given work, and if not why, for people. */
export interface Readiness {
  ready: boolean;
  problems: string[];
}

/** A store that stands still: why, and the signature with which it goes on. */
export interface RecoveryView {
  state(): RecoveryState | null;
  read(): Promise<RecoveryAnswer>;
  /** Errors: `not-in-recovery`, `invalid-input` naming `confirm`. */
  sign(by: Caller, input: { reason: string; confirm: string }): Promise<RecoveryAnswer>;
}

export interface HttpContext {
  log: Logger;
  version: string;
  grants: GrantsContext;
  worker: GrantWorker;
  events: Events;
  replicas: Pick<Replicas, 'list'>;
  recovery: RecoveryView;
  keys: Pick<Keys, 'status' | 'rotate'>;
  hosts: HostEnrolment;
  readiness: () => Readiness;
  /** False: this process only says how it is. */
  servesApi: boolean;
  principals: Principals;
  refusedUses: RefusedUses;
  workload: WorkloadIdentity;
  /** Whose X-Forwarded-For is believed. */
  trustedProxies: readonly AddressRange[];
  signIn: SignInContext;
  sessions: SessionReader;
  audit: AuditLog;
  insight: Insight;
  /** The demo's people for one-click sign-in; null when this is somebody's installation. */
  demo: { people: { name: string; displayName: string; does: string }[] } | null;
  /** The folder with the built portal. */
  portalFolder: string;
}

/** What the identity provider keeps of people; null where there is none. */
export const providerOf = (ctx: HttpContext): ProviderSettings => ctx.signIn.oidc?.settings ?? null;
