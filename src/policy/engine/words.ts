// Conditions in plain words, with the value that was found: an explanation is for people who do not read Cedar.

import { describeDuration } from '../../base/duration.ts';
import { isRecord, literalOf, parseCedarDurationMs } from './expressions.ts';
import type { DecisionFacts } from './facts.ts';
import { clockText, localMoment } from './local-time.ts';

const LONGEST_PHRASE = 400;

const ATTRIBUTES: Record<string, string> = {
  sourceIp: 'source address',
  now: 'time',
  localTime: 'local time',
  dayOfWeek: 'weekday',
  mfaAge: 'time since strong sign-in',
  accountType: 'account type',
  onCall: 'on call',
  managerId: 'manager',
  sponsorId: 'sponsor',
};
const VARIABLES: Record<string, string> = { principal: 'you', resource: 'the target' };
const BINARY: Record<string, string> = {
  '==': 'is',
  '!=': 'is not',
  '<': 'less than',
  '<=': 'at most',
  '>': 'more than',
  '>=': 'at least',
  '&&': 'and',
  '||': 'or',
  in: 'in',
  '+': '+',
  '-': '-',
  '*': '×',
};
const CLOCK: Record<string, string> = {
  '<': 'before',
  '<=': 'at or before',
  '>': 'after',
  '>=': 'at or after',
};
const NEGATED: Record<string, string> = {
  '==': '!=',
  '!=': '==',
  '<': '>=',
  '<=': '>',
  '>': '<=',
  '>=': '<',
};

/** A condition as a phrase: `duration at most 1 h`, `source address in 10.0.0.0/8`. */
export function phrase(expr: unknown): string {
  const text = say(expr);
  return text.length > LONGEST_PHRASE ? `${text.slice(0, LONGEST_PHRASE)}…` : text;
}

/** What the facts hold of everything that a condition speaks of: `local time 21:14 in Europe/Berlin`. */
export function found(attributes: ReadonlySet<string>, facts: DecisionFacts): string {
  const { context, target } = facts;
  const subject = facts.requester ?? facts.principal;
  const values: Record<string, () => string> = {
    duration: () => `duration is ${describeDuration(context.durationSeconds)}`,
    sourceIp: () => `source address is ${context.sourceIp}`,
    localTime: () =>
      `local time is ${clockText(localMoment(context.nowMs, context.timeZone).secondsOfDay)} in ${context.timeZone}`,
    dayOfWeek: () => `weekday is ${localMoment(context.nowMs, context.timeZone).day}`,
    now: () => `time is ${new Date(context.nowMs).toISOString()}`,
    task: () => `task is ${facts.task.name}`,
    ticket: () => `ticket is ${context.ticket ?? 'not given'}`,
    purpose: () => `purpose is ${context.purpose === null ? 'not given' : 'given'}`,
    mfaAge: () =>
      context.mfaAgeSeconds === null
        ? 'no strong sign-in'
        : `strong sign-in was ${describeDuration(context.mfaAgeSeconds)} ago`,
    accountType: () => `account type is ${subject.accountType}`,
    title: () => `title is ${subject.title ?? 'not known'}`,
    onCall: () => (subject.onCall ? 'on call' : 'not on call'),
    sensitivity: () => `sensitivity is ${target.sensitivity}`,
    kind: () => `kind is ${target.kind}`,
    owner: () => `owner is ${target.owner ?? 'nobody'}`,
  };
  return [...attributes].flatMap((name) => values[name]?.() ?? []).join(', ');
}

function say(node: unknown): string {
  if (!isRecord(node)) return String(node);
  const [op, body]: [string, unknown] = Object.entries(node)[0] ?? ['', null];
  if (op === 'Value') return sayValue(body);
  if (op === 'Var') return VARIABLES[String(body)] ?? String(body);
  if (op === 'Set' && Array.isArray(body)) return body.map(say).join(', ');
  if (Array.isArray(body)) return sayCall(op, body);
  if (!isRecord(body)) return op;
  if (op === '.') return sayAttribute(body);
  if (op === 'has') return `${attributeName(body.attr)} is given`;
  if (op === '!') return sayNegated(body.arg);
  if (op === 'neg') return `-${say(body.arg)}`;
  if (op === 'like') return `${say(body.left)} matches "${sayPattern(body.pattern)}"`;
  if (op === 'is') return `${say(body.left)} is a ${String(body.entity_type).toLowerCase()}`;
  if (op === 'contains') return `${say(body.right)} is one of ${say(body.left)}`;
  if (op === 'isEmpty') return `${say(body.arg)} is empty`;
  if (op === 'if-then-else') {
    return `${say(body.then)} if ${say(body.if)}, else ${say(body.else)}`;
  }
  return sayBinary(op, body.left, body.right);
}

function sayBinary(op: string, left: unknown, right: unknown): string {
  const isClock = speaksOf(left, 'localTime') || speaksOf(right, 'localTime');
  const word = (isClock ? CLOCK[op] : undefined) ?? BINARY[op] ?? op;
  const side = (node: unknown) => {
    const ms = parseCedarDurationMs(node);
    if (ms !== null) return isClock ? clockText(Math.floor(ms / 1000)) : describeDuration(ms / 1000);
    return (op === '&&' && hasOp(node, '||')) || (op === '||' && hasOp(node, '&&'))
      ? `(${say(node)})`
      : say(node);
  };
  return `${side(left)} ${word} ${side(right)}`;
}

function sayNegated(node: unknown): string {
  if (!isRecord(node)) return `not ${String(node)}`;
  const [op, body]: [string, unknown] = Object.entries(node)[0] ?? ['', null];
  const opposite = NEGATED[op];
  if (opposite !== undefined && isRecord(body)) return sayBinary(opposite, body.left, body.right);
  if (op === '!' && isRecord(body)) return say(body.arg);
  if (op === 'has' && isRecord(body)) return `${attributeName(body.attr)} is not given`;
  if (op === 'in' && isRecord(body)) return `${say(body.left)} not in ${say(body.right)}`;
  if (op === 'contains' && isRecord(body)) return `${say(body.right)} is none of ${say(body.left)}`;
  if (op === 'isInRange' && Array.isArray(body)) return `${say(body[0])} not in ${say(body[1])}`;
  if (op === 'isLoopback' && Array.isArray(body)) return `${say(body[0])} is not loopback`;
  return `not (${say(node)})`;
}

function sayCall(op: string, args: unknown[]): string {
  const [first, second] = args;
  const seconds = parseCedarDurationMs({ [op]: args });
  if (seconds !== null) return describeDuration(seconds / 1000);
  if (op === 'ip' || op === 'datetime' || op === 'decimal')
    return literalOf({ [op]: args }, op) ?? say(first);
  if (op === 'isInRange') return `${say(first)} in ${say(second)}`;
  if (op === 'isLoopback') return `${say(first)} is loopback`;
  return `${op}(${args.map(say).join(', ')})`;
}

function sayAttribute(body: Record<string, unknown>): string {
  const { left, attr } = body;
  const name = attributeName(attr);
  if (isRecord(left) && (left.Var === 'context' || left.Var === 'principal')) return name;
  if (isRecord(left) && left.Var === 'resource') return `the target's ${name}`;
  return `${say(left)}'s ${name}`;
}

function attributeName(attr: unknown): string {
  const name = Array.isArray(attr) ? attr.join('.') : String(attr);
  return ATTRIBUTES[name] ?? name;
}

function sayValue(value: unknown): string {
  if (isRecord(value) && isRecord(value.__entity)) {
    const { type, id } = value.__entity;
    return type === 'Group' || type === 'Segment' || type === 'Environment'
      ? `${String(type).toLowerCase()} ${String(id)}`
      : String(id);
  }
  return typeof value === 'string' ? `"${value}"` : JSON.stringify(value);
}

function sayPattern(pattern: unknown): string {
  if (!Array.isArray(pattern)) return '';
  return pattern.map((part: unknown) => (isRecord(part) ? String(part.Literal) : '*')).join('');
}

function speaksOf(node: unknown, attribute: string): boolean {
  return isRecord(node) && isRecord(node['.']) && node['.'].attr === attribute;
}

function hasOp(node: unknown, op: string): boolean {
  return isRecord(node) && op in node;
}
