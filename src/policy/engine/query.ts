// Facts as Cedar wants them: checked once at the border, and cut down to what the policies in question speak of,
// because each value that crosses into the engine costs some ten microseconds.

import type { CedarValueJson, Context, EntityJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs';
import { LONGEST_DURATION_SECONDS } from '../../base/duration.ts';
import { invalid } from '../../base/errors.ts';
import { pathsDownTo } from '../../base/segment-path.ts';
import type { Survey } from './expressions.ts';
import type { DecisionFacts, PlatformFacts, PrincipalFacts } from './facts.ts';
import { type LocalMoment, localMoment } from './local-time.ts';
import { canonicalAddress } from './source-address.ts';

/** One question: who, on what, under which circumstances. */
export interface Query {
  principal: TypeAndId;
  resource: TypeAndId;
  /** Scope keys that match: `*`, the entity itself, and all that it is in. */
  principalKeys: readonly string[];
  resourceKeys: readonly string[];
  /** The task and all above it; `*` alone for what has no task. */
  taskKeys: readonly string[];
  /** `*` and the principal's account type. */
  accountKeys: readonly string[];
  /** Those that the policies can tell from an entity about which nothing is known. */
  entities(need: Need): EntityJson[];
  context(need: Need): Context;
}

export type Need = Pick<Survey, 'attributes' | 'entities' | 'wholeContext'>;

const TYPES = { person: 'Person', service: 'Service', agent: 'Agent' } as const;
const LATEST_MS = Date.UTC(9999, 11, 31);
const LONGEST_TEXT = 4_000;
const MOST_PARENTS = 1_000;
const SEGMENT = /^[a-z0-9][a-z0-9-]{0,62}(\/[a-z0-9][a-z0-9-]{0,62}){0,9}$/;

/**
 * A question about a target. Errors: Failure `invalid-input`, `invalid-address`, `invalid-time-zone`, each naming
 * what is wrong.
 */
export function targetQuery(facts: DecisionFacts): Query {
  checkPrincipal(facts.principal, 'principal');
  if (facts.requester) checkPrincipal(facts.requester, 'requester');
  checkTarget(facts);
  checkMoment(facts.context);
  checkContext(facts);
  const local = localMoment(facts.context.nowMs, facts.context.timeZone);
  const { target, task } = facts;
  const above = task.ancestors.map((name) => uid('Task', name));
  const within = [
    ...pathsDownTo(target.segment).map((path) => uid('Segment', path)),
    uid('Environment', target.environment),
  ];
  const resource = uid('Target', target.name);
  const attributes: Record<string, () => CedarValueJson | null> = {
    kind: () => target.kind,
    sensitivity: () => entity('Sensitivity', target.sensitivity),
    owner: () => target.owner,
  };
  return {
    ...principalPart(facts.principal),
    resource,
    resourceKeys: ['*', ...[resource, ...within].map(keyOf)],
    taskKeys: ['*', `Task::${task.name}`, ...above.map(keyOf)],
    entities: (need) =>
      [
        principalEntity(facts.principal, need),
        { uid: resource, attrs: pick(attributes, need.attributes), parents: needed(within, need) },
        { uid: uid('Task', task.name), attrs: {}, parents: needed(above, need) },
      ].filter(isKnown),
    context: (need) => targetContext(facts, local, need),
  };
}

/** A question about Sallyport itself. Errors as `targetQuery`. */
export function platformQuery(facts: PlatformFacts): Query {
  checkPrincipal(facts.principal, 'principal');
  checkMoment(facts.context);
  const { context } = facts;
  const resource = uid('Platform', 'sallyport');
  return {
    ...principalPart(facts.principal),
    resource,
    resourceKeys: ['*', keyOf(resource)],
    taskKeys: ['*'],
    entities: (need) => [principalEntity(facts.principal, need)].filter(isKnown),
    context: (need) => pick(commonContext(context), need.wholeContext ? null : need.attributes),
  };
}

// To Cedar an entity without attributes and parents is one that it has never heard of.
function isKnown({ attrs, parents }: EntityJson): boolean {
  return parents.length > 0 || Object.keys(attrs).length > 0;
}

function principalPart(facts: PrincipalFacts): Pick<Query, 'principal' | 'principalKeys' | 'accountKeys'> {
  const principal = uid(TYPES[facts.kind], facts.name);
  return {
    principal,
    accountKeys: ['*', facts.accountType],
    principalKeys: ['*', keyOf(principal), ...new Set(facts.groups.map((name) => `Group::${name}`))],
  };
}

function principalEntity(facts: PrincipalFacts, need: Need): EntityJson {
  const attributes: Record<string, () => CedarValueJson | null> = {
    id: () => facts.id,
    accountType: () => facts.accountType,
    sponsorId: () => facts.sponsorId,
    ...(facts.kind === 'person'
      ? { title: () => facts.title, onCall: () => facts.onCall, managerId: () => facts.managerId }
      : {}),
  };
  return {
    uid: uid(TYPES[facts.kind], facts.name),
    attrs: pick(attributes, need.attributes),
    parents: needed(
      facts.groups.map((name) => uid('Group', name)),
      need,
    ),
  };
}

function commonContext(context: PlatformFacts['context']): Record<string, () => CedarValueJson | null> {
  return {
    sourceIp: () => extension('ip', canonicalAddress(context.sourceIp)),
    now: () => extension('datetime', new Date(context.nowMs).toISOString()),
    mfaAge: () =>
      context.mfaAgeSeconds === null ? null : extension('duration', `${context.mfaAgeSeconds}s`),
  };
}

function targetContext(facts: DecisionFacts, local: LocalMoment, need: Need): Context {
  const { context, requester } = facts;
  const attributes: Record<string, () => CedarValueJson | null> = {
    ...commonContext(context),
    localTime: () => extension('duration', `${local.secondsOfDay}s`),
    dayOfWeek: () => entity('Day', local.day),
    duration: () => extension('duration', `${context.durationSeconds}s`),
    task: () => entity('Task', facts.task.name),
    purpose: () => context.purpose,
    ticket: () => context.ticket,
    requester: () => (requester ? requesterRecord(requester) : null),
  };
  return pick(attributes, need.wholeContext ? null : need.attributes);
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

/** The named attributes (all for null) that have a value: Cedar has no null, an absent attribute is absent. */
function pick(
  attributes: Record<string, () => CedarValueJson | null>,
  names: ReadonlySet<string> | null,
): Record<string, CedarValueJson> {
  const picked: Record<string, CedarValueJson> = {};
  for (const [name, read] of Object.entries(attributes)) {
    if (names !== null && !names.has(name)) continue;
    const value = read();
    if (value !== null) picked[name] = value;
  }
  return picked;
}

/** Only what some policy names can make a difference, except where groups are compared with the requester's. */
function needed(parents: readonly TypeAndId[], need: Need): TypeAndId[] {
  if (need.wholeContext || need.attributes.has('requester')) return [...parents];
  return parents.filter((parent) => need.entities.has(keyOf(parent)));
}

function uid(type: string, id: string): TypeAndId {
  return { type, id };
}

function keyOf(of: TypeAndId): string {
  return `${of.type}::${of.id}`;
}

function entity(type: string, id: string): CedarValueJson {
  return { __entity: { type, id } };
}

function extension(fn: string, arg: string): CedarValueJson {
  return { __extn: { fn, arg } };
}

function checkPrincipal(facts: PrincipalFacts, field: string): void {
  checkText(facts.name, `${field}.name`);
  checkText(facts.id, `${field}.id`);
  checkText(facts.accountType, `${field}.accountType`);
  if (!(facts.kind in TYPES))
    throw invalid(`${field}.kind`, 'A principal is a person, a service or an agent.');
  checkNames(facts.groups, `${field}.groups`);
}

function checkTarget(facts: DecisionFacts): void {
  const { target, task } = facts;
  if (!SEGMENT.test(target.segment)) {
    throw invalid(
      'target.segment',
      `"${target.segment.slice(0, 80)}" is not a segment's path.`,
      'Write it like prod/eu/orders.',
    );
  }
  checkText(target.name, 'target.name');
  checkText(target.environment, 'target.environment');
  checkText(task.name, 'task.name');
  checkNames(task.ancestors, 'task.ancestors');
}

function checkMoment(context: PlatformFacts['context']): void {
  canonicalAddress(context.sourceIp);
  checkWhole(context.nowMs, 'context.nowMs', 0, LATEST_MS);
  if (context.mfaAgeSeconds !== null) {
    checkWhole(context.mfaAgeSeconds, 'context.mfaAgeSeconds', 0, LATEST_MS / 1000);
  }
}

function checkContext(facts: DecisionFacts): void {
  const { context } = facts;
  checkWhole(context.durationSeconds, 'duration', 1, LONGEST_DURATION_SECONDS);
  for (const field of ['purpose', 'ticket'] as const) {
    const text = context[field];
    if (text === null) continue;
    if (text.length > LONGEST_TEXT) throw invalid(field, `At most ${LONGEST_TEXT} characters.`);
    // The store keeps facts as JSON text, which has no form for these.
    if (!text.isWellFormed() || text.includes('\u0000'))
      throw invalid(field, 'The text is not valid Unicode.');
  }
}

function checkNames(names: readonly string[], field: string): void {
  if (names.length > MOST_PARENTS) throw invalid(field, `At most ${MOST_PARENTS} names.`);
  for (const name of names) checkText(name, field);
}

function checkText(text: string, field: string): void {
  if (text.length === 0 || text.length > 200) throw invalid(field, 'A name has 1 to 200 characters.');
}

// Beyond 2^53 a number would reach Cedar as another one.
function checkWhole(value: number, field: string, least: number, most: number): void {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw invalid(field, `A whole number from ${least} to ${most} is needed.`);
  }
}
