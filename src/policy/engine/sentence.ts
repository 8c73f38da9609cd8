// A policy as one sentence: who may do what, where, on which conditions, with which obligations. Each condition is
// either in words or, where its form is too unusual for them, shown as the Cedar that it is: none is left out.

import { type Clause, type Expr, policyToText } from '@cedar-policy/cedar-wasm/nodejs';
import { controlWords } from '../../base/control-words.ts';
import { exactDuration } from './condition-terms.ts';
import { tasksIn, wordsFor } from './condition-words.ts';
import { conjunctsOf } from './expressions.ts';
import type { Action, ApprovalStage } from './facts.ts';
import { joined, list, plainText, type Words } from './phrases.ts';
import type { Rule } from './rule.ts';

/** A piece of the sentence; `cedar` where it is a condition as it is written. */
export interface SentencePart {
  text: string;
  cedar: boolean;
}

/** One conjunct of the policy's conditions. */
export interface ConditionWords {
  /** Null where its form is too unusual. */
  words: string | null;
  /** Where there are no words: what the sentence holds instead. */
  cedar: string | null;
}

export interface PolicySentence {
  parts: SentencePart[];
  /** The parts as one text, Cedar between back-quotes. */
  text: string;
  /** In the order of `rule.conjuncts`. */
  conditions: ConditionWords[];
}

interface Condition {
  of: 'when' | 'unless';
  /** As it is said: for `unless`, the opposite of the conjunct. */
  said: Words | null;
  /** Null where it is said: printing Cedar costs more than all the rest. */
  cedar: string | null;
  /** That it says only which task: then it stands with the verb. */
  task: string | null;
}

const known = new WeakMap<Rule, PolicySentence>();

/** Pure; remembered for as long as the rule is. */
export function sentenceOf(rule: Rule): PolicySentence {
  const ready = known.get(rule);
  if (ready !== undefined) return ready;
  const conditions = rule.json.conditions.flatMap(conditionsIn);
  const task = conditions.find((one) => one.of === 'when' && one.task !== null) ?? null;
  const rest = conditions.filter((one) => one !== task);
  const parts = merged([
    plain(`${who(rule)} ${what(rule, task?.task ?? null)}${where(rule)}`),
    ...obligations(rule),
    ...listed(
      ', if ',
      'and',
      rest.filter((one) => one.of === 'when'),
    ),
    ...listed(
      ', unless ',
      'or',
      rest.filter((one) => one.of === 'unless'),
    ),
    plain(`${until(rule)}.`),
  ]);
  const sentence: PolicySentence = {
    parts,
    text: parts.map((part) => (part.cedar ? `\`${part.text}\`` : part.text)).join(''),
    conditions: conditions.map(({ said, cedar }) => ({
      words: said === null ? null : plainText(said),
      cedar,
    })),
  };
  known.set(rule, sentence);
  return sentence;
}

// Split as the engine splits them (`unless { a || b }` is "not a" and "not b"), so that both speak of the same.
function conditionsIn(clause: Clause): Condition[] {
  return conjunctsOf([clause]).map((conjunct) => {
    const negated = clause.kind === 'unless';
    const said = wordsFor(conjunct, negated);
    const expr = negated ? oppositeOf(conjunct) : conjunct;
    return {
      of: clause.kind,
      said,
      cedar: said === null ? cedarOf(expr) : null,
      task: negated ? null : tasksIn(conjunct),
    };
  });
}

function oppositeOf(expr: Expr): Expr {
  return '!' in expr && !Array.isArray(expr['!']) ? expr['!'].arg : { '!': { arg: expr } };
}

function cedarOf(body: Expr): string {
  const all = { op: 'All' } as const;
  const answer = policyToText({
    effect: 'permit',
    principal: all,
    action: all,
    resource: all,
    conditions: [{ kind: 'when', body }],
  });
  if (answer.type === 'failure') return JSON.stringify(body);
  const inside = /when\s*\{([\s\S]*)\}\s*;?\s*$/.exec(answer.text);
  return (inside?.[1] ?? answer.text).trim();
}

const KINDS: Record<string, [one: string, many: string]> = {
  Person: ['person', 'people'],
  Service: ['service', 'services'],
  Agent: ['agent', 'agents'],
};

function who({ principal, effect }: Rule): string {
  const may = effect === 'permit' ? 'may' : 'may not';
  const [type = '', ...rest] = principal.key.split('::');
  const name = rest.join('::');
  const kind = KINDS[principal.type ?? ''];
  if (principal.key === '*') {
    if (effect === 'permit') return kind === undefined ? 'Anyone may' : `Any ${kind[0]} may`;
    return kind === undefined ? 'Nobody may' : `No ${kind[0]} may`;
  }
  if (type !== 'Group') return `${name} ${may}`;
  const members = kind === undefined ? 'Members of' : `${capital(kind[1])} in`;
  return `${members} ${name} ${may}`;
}

/** With and without a task; the last word says on what. */
const VERBS: Record<Action, { does: (task: string | null) => string; on: string | null }> = {
  request: { does: (task) => `ask for ${task ?? 'any task'}`, on: 'on' },
  autoApprove: { does: (task) => `need no approval for ${task ?? 'any task'}`, on: 'on' },
  connect: { does: (task) => `open sessions${task === null ? '' : ` for ${task}`}`, on: 'on' },
  exec: { does: (task) => `run commands${task === null ? '' : ` for ${task}`}`, on: 'on' },
  extend: { does: (task) => `extend grants${task === null ? '' : ` of ${task}`}`, on: 'on' },
  breakGlass: { does: (task) => `break glass${task === null ? '' : ` for ${task}`}`, on: 'on' },
  approve: { does: (task) => `decide on requests${task === null ? '' : ` for ${task}`}`, on: 'on' },
  administer: { does: () => 'administer Sallyport', on: null },
  audit: { does: () => 'audit Sallyport', on: null },
  changePolicy: { does: () => 'change policies', on: null },
};

function what(rule: Rule, task: string | null): string {
  const { actions, effect } = rule;
  if (rule.json.action.op === 'All') return `do anything${task === null ? '' : ` with ${task}`}`;
  const atOnce = effect === 'permit' && actions.includes('request') && actions.includes('autoApprove');
  const told = atOnce ? actions.filter((action) => action !== 'autoApprove') : actions;
  const verbs = told.map((action) => {
    const gets = atOnce ? action === 'request' : effect === 'forbid' && action === 'autoApprove';
    return gets ? `get ${task ?? 'any task'} at once` : VERBS[action].does(task);
  });
  return list(verbs, effect === 'permit' ? 'and' : 'or');
}

function where({ resource, actions, json }: Rule): string {
  const onTargets = json.action.op === 'All' || actions.some((action) => VERBS[action].on !== null);
  const [type = '', ...rest] = resource.key.split('::');
  const name = rest.join('::');
  if (resource.type === 'Platform' || type === 'Platform') return onTargets ? ' with Sallyport itself' : '';
  if (!onTargets) return '';
  if (type === 'Segment') return ` on targets in ${name}`;
  if (type === 'Environment') return ` on targets in the environment ${name}`;
  if (type === 'Target') return ` on ${name}`;
  return json.action.op === 'All' && resource.type === null ? ' anywhere' : ' on any target';
}

/** Annotations that the sentence, or what stands beside it, tells in words. */
const TOLD = [
  ...['id', 'description', 'owner', 'learnedFrom', 'expires'],
  ...['maxDuration', 'approvals', 'record', 'stepUp', 'mask', 'use', 'clock', 'softLanding'],
  ...['maxRows', 'maxBytes', 'approveStatements', 'literals', 'keepRecording'],
];

// What is obliged to is never left out either: an annotation that has no words here is shown as it is written.
function obligations({ notes, actions, json }: Rule): SentencePart[] {
  const { maxDurationSeconds, approvals, record, stepUp, mask } = notes.obligations;
  const { sessionUse, claimSeconds, landingSeconds } = notes.obligations;
  const stages = approvals.map(stageWords);
  const known = stages.flatMap((stage) => stage ?? []);
  const approved =
    stages.length === 0 || known.length < stages.length ? [] : [`with ${known.join(' and then ')}`];
  const text = [
    ...(maxDurationSeconds === null ? [] : [`for up to ${exactDuration(maxDurationSeconds)}`]),
    ...approved.map((words) =>
      actions.includes('autoApprove') ? `${words} where it is not at once` : words,
    ),
    ...(stepUp === 'passkey' ? ['after a passkey'] : []),
    ...(record === 'required' ? ['with a required recording'] : []),
    ...(mask.length > 0 ? [`with ${list(mask, 'and')} masked`] : []),
    ...controlWords(notes.obligations).map((words) => `with ${words}`),
    ...(sessionUse === 'once' ? ['for one session'] : []),
    ...(sessionUse === 'session' ? ['until the last session ends'] : []),
    ...(claimSeconds === undefined
      ? []
      : [`with the clock starting at the first connection within ${exactDuration(claimSeconds)}`]),
    ...(landingSeconds === undefined
      ? []
      : [`with ${exactDuration(landingSeconds)} at the deadline for what still runs`]),
  ]
    .map((words) => `, ${words}`)
    .join('')
    .replace(/^, for/, ' for');
  const others = Object.entries(json.annotations ?? {}).filter(
    ([name]) => !TOLD.includes(name) || (name === 'approvals' && known.length < stages.length),
  );
  const written = others.flatMap(([name, value]) => [
    plain(', '),
    { text: `@${name}(${JSON.stringify(value)})`, cedar: true },
  ]);
  return [plain(text), ...written];
}

/** Null where a stage says more than is known here. */
function stageWords({ count, from, also, ...more }: ApprovalStage): string | null {
  const [first, later] = [whom(from), also === undefined ? '' : whom(also.from)];
  if (first === null || later === null || Object.keys(more).length > 0) return null;
  const approvals = `${count} ${count === 1 ? 'approval' : 'approvals'} from ${first}`;
  return also === undefined
    ? approvals
    : `${approvals} (after ${exactDuration(also.afterSeconds)} also from ${later})`;
}

function whom(source: string): string | null {
  if (source === 'manager') return 'their manager';
  const [, onCall, group] = /^(onCall )?Group::"([^"]*)"$/.exec(source) ?? [];
  if (group === undefined) return null;
  return onCall === undefined ? group : `those on call for ${group}`;
}

function until({ notes }: Rule): string {
  if (notes.expiresAtMs === null) return '';
  return `, until ${new Date(notes.expiresAtMs).toISOString().replace(/:00\.000Z$|\.000Z$/, 'Z')}`;
}

// Words that stand beside each other are joined first, so that one subject is named once; Cedar stands alone.
function listed(opening: string, connective: 'and' | 'or', conditions: readonly Condition[]): SentencePart[] {
  if (conditions.length === 0) return [];
  const worded = conditions.flatMap(({ said }) => said ?? []);
  const text = joined(worded, connective);
  // Alone, a list needs nothing that keeps it apart from others.
  const alone = conditions.length === 1 && typeof worded[0] === 'string';
  const items: SentencePart[][] =
    worded.length === 0 ? [] : [[plain(alone ? text.replace(/^\((.*)\)$/, '$1') : text)]];
  for (const { cedar } of conditions) {
    if (cedar !== null)
      items.push([plain('the Cedar condition '), { text: cedar, cedar: true }, plain(' holds')]);
  }
  return [
    plain(opening),
    ...items.flatMap((item, index) => (index === 0 ? item : [plain(` ${connective} `), ...item])),
  ];
}

function plain(text: string): SentencePart {
  return { text, cedar: false };
}

function merged(parts: readonly SentencePart[]): SentencePart[] {
  const all: SentencePart[] = [];
  for (const part of parts) {
    const last = all.at(-1);
    if (last !== undefined && !last.cedar && !part.cedar) last.text += part.text;
    else if (part.text !== '') all.push({ ...part });
  }
  return all;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
