// The kinds of target that this program knows, each behind one type that hides its own: settings and entitlements
// come from the store or from people as unknown JSON and pass the connector's schemas here, every time.

import type { z } from 'zod';
import { Failure } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import type {
  Alteration,
  Capabilities,
  CheckItem,
  Connector,
  Endpoint,
  Enrolment,
  FenceReading,
  GrantPlan,
  Handle,
  HeldGrant,
  KitLook,
  KitPlan,
  KitVerbs,
  KitWay,
  LabelledColumn,
  LabelSuggestions,
  MaskCatalog,
  NodeHealth,
  Observation,
  RevokeReport,
  Right,
  SessionTerms,
  StandingAccess,
  TargetAccess,
  TargetMark,
} from './contract.ts';
import { postgres } from './kinds/postgres/postgres.ts';
import { ssh } from './kinds/ssh/ssh.ts';

/** An open administrative client of one target; the caller keeps one for a target and version, and closes it. */
export interface OpenTarget {
  grant(plan: GrantPlan<unknown>, signal: AbortSignal): Promise<Observation>;
  revoke(handle: Handle, signal: AbortSignal): Promise<RevokeReport>;
  inspect(handle: Handle, signal: AbortSignal): Promise<Observation>;
  renew(handle: Handle, nativeExpirySeconds: number, signal: AbortSignal): Promise<void>;
  /** True also where it cannot be told without a sweep. */
  strays(signal: AbortSignal): Promise<boolean>;
  sweep(handles: Handle[], signal: AbortSignal): Promise<{ handle: Handle; ended: number }[]>;
  altered(
    held: HeldGrant<unknown>[],
    signal: AbortSignal,
  ): Promise<{ handle: Handle; alterations: Alteration[] }[]>;
  nodes(signal: AbortSignal): Promise<NodeHealth[]>;
  marked(signal: AbortSignal): Promise<Handle[]>;
  /** Null for a kind whose data cannot be masked. */
  maskCatalog:
    | ((database: string, labelled: LabelledColumn[], signal: AbortSignal) => Promise<MaskCatalog>)
    | null;
  suggestLabels:
    | ((database: string, sample: boolean, signal: AbortSignal) => Promise<LabelSuggestions>)
    | null;
  /** null: its grants share nothing. */
  shared: {
    keys(plan: GrantPlan<unknown>): string[];
    put(key: string, signal: AbortSignal): Promise<void>;
    take(key: string, signal: AbortSignal): Promise<void>;
    held(key: string, signal: AbortSignal): Promise<boolean>;
  } | null;
  /** Null where the kind has none. */
  readFence(signal: AbortSignal): Promise<FenceReading | null>;
  writeFence(mark: TargetMark, signal: AbortSignal): Promise<void>;
  /** Errors: `cannot-rotate-admin` where the kind has no such password. */
  setAdminPassword(password: Secret, signal: AbortSignal): Promise<void>;
  inventory(signal: AbortSignal): Promise<StandingAccess[]>;
  /** `entitlements` of the tasks that are offered on this target: what they need is checked too. */
  check(signal: AbortSignal, entitlements?: unknown[]): Promise<CheckItem[]>;
  /** Null for kinds that cannot hold emergency kits. */
  kit: OpenKitVerbs | null;
  close(): Promise<void>;
}

export interface OpenKitVerbs {
  make(plan: KitPlan<unknown>, signal: AbortSignal): Promise<Handle>;
  look(plan: KitPlan<unknown>, tryLogin: boolean, signal: AbortSignal): Promise<KitLook>;
  remove(plan: KitPlan<unknown>, signal: AbortSignal): Promise<RevokeReport>;
}

export interface BoundKind {
  kind: string;
  capabilities: Capabilities;
  targetSchema: z.ZodType;
  entitlementSchema: z.ZodType;
  /** Settings with their defaults, to be stored. Errors: `invalid-input` naming `settings.…`. */
  parseSettings(settings: unknown): Record<string, unknown>;
  /** The same for a task, naming `entitlement.…`. */
  parseEntitlement(entitlement: unknown): Record<string, unknown>;
  rights(entitlement: unknown): Right[];
  session(entitlement: unknown): SessionTerms;
  endpoint(settings: unknown): Endpoint;
  nodeNames(settings: unknown): string[];
  /** Null for kinds that need none. */
  enrolment: Enrolment | null;
  /** What a kit's file tells of a target. Errors: `kit-unsupported`, `kit-task-unfit`. */
  kitWay(settings: unknown, entitlement: unknown, login: string): KitWay;
  open(access: TargetAccess<unknown>): OpenTarget;
}

export interface Registry {
  kinds(): BoundKind[];
  /** Errors: Failure `unknown-kind`. */
  kind(name: string): BoundKind;
}

/** Closes over a connector's own types. */
export function bindKind<
  Settings extends Record<string, unknown>,
  Entitlement extends Record<string, unknown>,
  Client,
>(connector: Connector<Settings, Entitlement, Client>): BoundKind {
  const { maskCatalog, suggestLabels } = connector;
  const settingsOf = (value: unknown) => parse(connector.target, value, 'settings');
  const entitlementOf = (value: unknown) => parse(connector.entitlement, value, 'entitlement');
  return {
    kind: connector.kind,
    capabilities: connector.capabilities,
    targetSchema: connector.target,
    entitlementSchema: connector.entitlement,
    parseSettings: settingsOf,
    parseEntitlement: entitlementOf,
    rights: (value) => connector.rights(entitlementOf(value)),
    session: (value) => connector.session(entitlementOf(value)),
    endpoint: (value) => connector.endpoint(settingsOf(value)),
    nodeNames: (value) => connector.nodeNames(settingsOf(value)),
    enrolment: connector.enrolment ?? null,
    kitWay: (settings, entitlement, login) => {
      if (connector.kit !== undefined)
        return connector.kit.way(settingsOf(settings), entitlementOf(entitlement), login);
      throw new Failure(
        'invalid',
        'kit-unsupported',
        `Targets of the kind "${connector.kind}" hold no emergency kits.`,
      );
    },
    open: (access) => {
      const client = connector.connect({ ...access, settings: settingsOf(access.settings) });
      return {
        // Async, so that a plan that does not parse rejects as every other failure does.
        grant: async (plan, signal) =>
          connector.grant(client, { ...plan, entitlement: entitlementOf(plan.entitlement) }, signal),
        revoke: (handle, signal) => connector.revoke(client, handle, signal),
        inspect: async (handle, signal) => connector.inspect(client, handle, signal),
        renew: async (handle, seconds, signal) => connector.renew(client, handle, seconds, signal),
        strays: async (signal) => (await connector.strays?.(client, signal)) ?? true,
        sweep: (handles, signal) => connector.sweep(client, handles, signal),
        altered: async (held, signal) =>
          connector.altered(
            client,
            held.map((one) => ({ ...one, entitlement: entitlementOf(one.entitlement) })),
            signal,
          ),
        nodes: (signal) => connector.nodes(client, signal),
        marked: (signal) => connector.marked(client, signal),
        maskCatalog:
          maskCatalog === undefined
            ? null
            : async (database, labelled, signal) => maskCatalog(client, database, labelled, signal),
        suggestLabels:
          suggestLabels === undefined
            ? null
            : async (database, sample, signal) => suggestLabels(client, database, sample, signal),
        shared: sharedOf(connector, client, entitlementOf),
        readFence: async (signal) => (await connector.readFence?.(client, signal)) ?? null,
        setAdminPassword: async (password, signal) => {
          if (connector.setAdminPassword === undefined)
            throw new Failure(
              'invalid',
              'cannot-rotate-admin',
              `A ${connector.kind} target has no password to rotate.`,
            );
          await connector.setAdminPassword(client, password, signal);
        },
        writeFence: async (mark, signal) => connector.writeFence?.(client, mark, signal),
        inventory: (signal) => connector.inventory(client, signal),
        check: async (signal, entitlements = []) =>
          connector.check(client, signal, entitlements.map(entitlementOf)),
        kit: connector.kit === undefined ? null : bindKit(connector.kit, client, entitlementOf),
        close: () => connector.disconnect(client),
      };
    },
  };
}

function sharedOf<Settings, Entitlement, Client>(
  { shared }: Connector<Settings, Entitlement, Client>,
  client: Client,
  entitlementOf: (value: unknown) => Entitlement,
): OpenTarget['shared'] {
  if (shared === undefined) return null;
  return {
    keys: (plan) => shared.keys({ ...plan, entitlement: entitlementOf(plan.entitlement) }),
    put: (key, signal) => shared.put(client, key, signal),
    take: (key, signal) => shared.take(client, key, signal),
    held: (key, signal) => shared.held(client, key, signal),
  };
}

function bindKit<Settings, Entitlement, Client>(
  verbs: KitVerbs<Settings, Entitlement, Client>,
  client: Client,
  entitlementOf: (value: unknown) => Entitlement,
): OpenKitVerbs {
  const planOf = (plan: KitPlan<unknown>) => ({ ...plan, entitlement: entitlementOf(plan.entitlement) });
  return {
    make: async (plan, signal) => verbs.make(client, planOf(plan), signal),
    look: async (plan, tryLogin, signal) => verbs.look(client, planOf(plan), tryLogin, signal),
    remove: async (plan, signal) => verbs.remove(client, planOf(plan), signal),
  };
}

/** Every kind that the program brings along. */
export const CONNECTORS: BoundKind[] = [bindKind(postgres), bindKind(ssh)];

export function createRegistry(kinds: BoundKind[] = CONNECTORS): Registry {
  const byName = new Map(kinds.map((kind) => [kind.kind, kind]));
  return {
    kinds: () => [...byName.values()],
    kind: (name) => {
      const found = byName.get(name);
      if (found !== undefined) return found;
      throw new Failure('invalid', 'unknown-kind', `There is no kind of target "${name.slice(0, 40)}".`, {
        field: 'kind',
        hint: `Known: ${[...byName.keys()].join(', ')}.`,
      });
    },
  };
}

function parse<T>(schema: z.ZodType<T>, value: unknown, field: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = [field, ...(issue?.path ?? [])].map(String).join('.');
  const message = issue?.message ?? 'This is not valid.';
  throw new Failure('invalid', 'invalid-input', `${path}: ${message}`, { field: path, cause: parsed.error });
}
