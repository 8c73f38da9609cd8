// Facts as Cedar wants them: checked once at the border, and cut down to what the policies in question speak of,
// because each value that crosses into the engine costs some ten microseconds.

import type { Context, EntityJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs';
import { LONGEST_DURATION_SECONDS } from '../../base/duration.ts';
import { invalid } from '../../base/errors.ts';
import { pathsDownTo } from '../../base/segment-path.ts';
import { uidKey } from './expressions.ts';
import type { DecisionFacts, PlatformFacts, PrincipalFacts } from './facts.ts';
import type { Need } from './flatten.ts';
import { localMoment } from './local-time.ts';
import { canonicalAddress } from './source-address.ts';
import { type Asked, contextOf, entitiesOf, groupKeys, TYPES, uid } from './values.ts';

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
  const onto = [
    ...pathsDownTo(target.segment).map((path) => uid('Segment', path)),
    uid('Environment', target.environment),
  ];
  const asked: Asked = {
    principal: facts.principal,
    requester: facts.requester ?? null,
    moment: facts.context,
    access: { context: facts.context, local, target },
    onto,
    tasks: [task.name, ...task.ancestors].map((name) => uid('Task', name)),
  };
  return queryOf(asked, uid('Target', target.name));
}

/** A question about Sallyport itself. Errors as `targetQuery`. */
export function platformQuery(facts: PlatformFacts): Query {
  checkPrincipal(facts.principal, 'principal');
  checkMoment(facts.context);
  const { principal, context: moment } = facts;
  const asked: Asked = { principal, requester: null, moment, access: null, onto: [], tasks: [] };
  return queryOf(asked, uid('Platform', 'sallyport'));
}

function queryOf(asked: Asked, resource: TypeAndId): Query {
  const { principal, onto, tasks } = asked;
  const who = uid(TYPES[principal.kind], principal.name);
  return {
    principal: who,
    resource,
    accountKeys: ['*', principal.accountType],
    principalKeys: ['*', uidKey(who), ...new Set(groupKeys(principal))],
    resourceKeys: ['*', uidKey(resource), ...onto.map(uidKey)],
    taskKeys: ['*', ...tasks.map(uidKey)],
    entities: (need) => entitiesOf(asked, resource, need),
    context: (need) => contextOf(asked, need),
  };
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
