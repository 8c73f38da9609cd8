// What the facts hold, in both of the forms in which policies ask for it: as Cedar's own values and entities, and flat
// (flatten.ts). Nothing is made that is not needed: each value that crosses into the engine costs.

import type { CedarValueJson, Context, EntityJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs';
import { uidKey } from './expressions.ts';
import type { ContextFacts, PlatformFacts, PrincipalFacts, TargetFacts } from './facts.ts';
import { flatName, type Need, WITHIN } from './flatten.ts';
import type { LocalMoment } from './local-time.ts';
import { addressBits, canonicalAddress } from './source-address.ts';

/** Facts that have been checked, with what follows from them. */
export interface Asked {
  principal: PrincipalFacts;
  requester: PrincipalFacts | null;
  moment: PlatformFacts['context'];
  /** Null for a question about Sallyport itself. */
  access: { context: ContextFacts; local: LocalMoment; target: TargetFacts } | null;
  /** What the target is in. */
  onto: readonly TypeAndId[];
  /** The task, and all above it. */
  tasks: readonly TypeAndId[];
}

export const TYPES = { person: 'Person', service: 'Service', agent: 'Agent' } as const;

type Read<T> = (from: T, need: Need) => CedarValueJson | null | undefined;

const PRINCIPAL: Readonly<Record<string, Read<PrincipalFacts>>> = {
  id: (facts) => facts.id,
  accountType: (facts) => facts.accountType,
  sponsorId: (facts) => facts.sponsorId,
  title: (facts) => (facts.kind === 'person' ? facts.title : null),
  onCall: (facts) => (facts.kind === 'person' ? facts.onCall : null),
  managerId: (facts) => (facts.kind === 'person' ? facts.managerId : null),
};
const TARGET: Readonly<Record<string, Read<TargetFacts>>> = {
  kind: (target) => target.kind,
  sensitivity: (target) => entity('Sensitivity', target.sensitivity),
  owner: (target) => target.owner,
};
/** As the schema has them. */
const CONTEXT: Readonly<Record<string, Read<Asked>>> = {
  sourceIp: ({ moment }) => extension('ip', canonicalAddress(moment.sourceIp)),
  now: ({ moment }) => extension('datetime', new Date(moment.nowMs).toISOString()),
  mfaAge: ({ moment }) => lasting(moment.mfaAgeSeconds),
  localTime: ({ access }) => lasting(access?.local.secondsOfDay),
  dayOfWeek: ({ access }) => (access === null ? null : entity('Day', access.local.day)),
  duration: ({ access }) => lasting(access?.context.durationSeconds),
  task: ({ tasks: [task] }) => (task === undefined ? null : { __entity: task }),
  purpose: ({ access }) => access?.context.purpose,
  ticket: ({ access }) => access?.context.ticket,
  requester: ({ requester }) => (requester === null ? null : requesterRecord(requester)),
};
const FLAT: Readonly<Record<string, Read<Asked>>> = {
  ...renamed(PRINCIPAL, 'principal', ({ principal }) => principal),
  ...renamed(TARGET, 'resource', ({ access }) => access?.target),
  sensitivityName: ({ access }) => access?.target.sensitivity,
  sourceBits: ({ moment }) => addressBits(canonicalAddress(moment.sourceIp)),
  nowMs: ({ moment }) => moment.nowMs,
  mfaAgeMs: ({ moment }) => inMs(moment.mfaAgeSeconds),
  localTimeMs: ({ access }) => inMs(access?.local.secondsOfDay),
  durationMs: ({ access }) => inMs(access?.context.durationSeconds),
  dayName: ({ access }) => access?.local.day,
  taskName: ({ tasks: [task] }) => task?.id,
  [WITHIN.task]: ({ tasks }, need) => named(tasks.map(uidKey), need),
  [WITHIN.resource]: ({ onto }, need) => named(onto.map(uidKey), need),
  [WITHIN.principal]: ({ principal }, need) => named(groupKeys(principal), need),
};
const EVERY_ATTRIBUTE = Object.keys(CONTEXT);

/** The context that policies with this need are asked in. */
export function contextOf(asked: Asked, need: Need): Context {
  const context: Context = {};
  for (const name of need.wholeContext ? EVERY_ATTRIBUTE : need.attributes) {
    const value = CONTEXT[name]?.(asked, need) ?? FLAT[name]?.(asked, need);
    if (value !== null && value !== undefined) context[name] = value;
  }
  return context;
}

/** Those of which a policy could tell that something is known. */
export function entitiesOf(asked: Asked, resource: TypeAndId, need: Need): EntityJson[] {
  const { principal, access, onto, tasks } = asked;
  const entities = [
    {
      uid: uid(TYPES[principal.kind], principal.name),
      attrs: pick(PRINCIPAL, principal, need),
      parents: needed(
        principal.groups.map((name) => uid('Group', name)),
        need,
      ),
    },
  ];
  const [task, ...above] = tasks;
  if (access !== null)
    entities.push({ uid: resource, attrs: pick(TARGET, access.target, need), parents: needed(onto, need) });
  if (task !== undefined) entities.push({ uid: task, attrs: {}, parents: needed(above, need) });
  return entities.filter(isKnown);
}

// To Cedar an entity without attributes and parents is one that it has never heard of.
function isKnown({ attrs, parents }: EntityJson): boolean {
  return parents.length > 0 || Object.keys(attrs).length > 0;
}

/** Those that have a value: Cedar has no null, an absent attribute is absent. */
function pick<T>(
  reads: Readonly<Record<string, Read<T>>>,
  from: T,
  need: Need,
): Record<string, CedarValueJson> {
  const picked: Record<string, CedarValueJson> = {};
  for (const name of need.attributes) {
    const value = reads[name]?.(from, need);
    if (value !== null && value !== undefined) picked[name] = value;
  }
  return picked;
}

function renamed<T>(
  reads: Readonly<Record<string, Read<T>>>,
  variable: string,
  find: (asked: Asked) => T | undefined,
): Record<string, Read<Asked>> {
  return Object.fromEntries(
    Object.entries(reads).map(([name, read]): [string, Read<Asked>] => [
      flatName(variable, name),
      (asked, need) => {
        const from = find(asked);
        return from === undefined ? null : read(from, need);
      },
    ]),
  );
}

/** Only what some policy names can make a difference, except where groups are compared with the requester's. */
function needed(parents: readonly TypeAndId[], need: Need): TypeAndId[] {
  if (need.wholeContext || need.attributes.has('requester')) return [...parents];
  if (need.entities.size === 0) return [];
  return parents.filter((parent) => need.entities.has(uidKey(parent)));
}

function named(keys: readonly string[], need: Need): string[] {
  return keys.filter((key) => need.within.has(key));
}

/** Scope keys of what the principal is in. */
export function groupKeys(principal: PrincipalFacts): string[] {
  return principal.groups.map((name) => `Group::${name}`);
}

function requesterRecord(facts: PrincipalFacts): CedarValueJson {
  const record: Record<string, CedarValueJson> = {
    kind: facts.kind,
    id: facts.id,
    name: facts.name,
    accountType: facts.accountType,
    onCall: facts.onCall,
    groups: facts.groups.map((name) => entity('Group', name)),
  };
  if (facts.title !== null) record.title = facts.title;
  if (facts.managerId !== null) record.managerId = facts.managerId;
  if (facts.sponsorId !== null) record.sponsorId = facts.sponsorId;
  return record;
}

export function uid(type: string, id: string): TypeAndId {
  return { type, id };
}

function entity(type: string, id: string): CedarValueJson {
  return { __entity: { type, id } };
}

function lasting(seconds: number | null | undefined): CedarValueJson | null {
  return typeof seconds === 'number' ? extension('duration', `${seconds}s`) : null;
}

function inMs(seconds: number | null | undefined): number | null {
  return typeof seconds === 'number' ? seconds * 1000 : null;
}

function extension(fn: string, arg: string): CedarValueJson {
  return { __extn: { fn, arg } };
}
