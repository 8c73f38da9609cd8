// A condition in plain words, for a sentence that stands for the policy: so a form that is not known here is no words
// at all (null), and whoever asked shows the Cedar instead. Nothing is left out and nothing is guessed.

import {
  attributeOf,
  CONTEXT,
  contextName,
  dayName,
  entityOf,
  exactDuration,
  isVar,
  literalText,
  OF_PRINCIPAL,
  OF_TARGET,
  ownerOf,
  relationOf,
  setOf,
  subjectOf,
} from './condition-terms.ts';
import { isRecord, literalOf, parseCedarDurationMs } from './expressions.ts';
import { clockText } from './local-time.ts';
import { joined, list, type Said, type Words } from './phrases.ts';

const OPPOSITE: Record<string, string> = {
  '<': '>=',
  '<=': '>',
  '>': '<=',
  '>=': '<',
  '==': '!=',
  '!=': '==',
};
const MIRRORED: Record<string, string> = {
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
  '==': '==',
  '!=': '!=',
};
const AMOUNT: Record<string, string> = {
  '<': 'less than',
  '<=': 'at most',
  '>': 'more than',
  '>=': 'at least',
};
const MOMENT: Record<string, string> = {
  '<': 'before',
  '<=': 'at or before',
  '>': 'after',
  '>=': 'at or after',
};

/** The words for `node`, or for its opposite; null where they are not known. */
export function wordsFor(node: unknown, negated = false): Words | null {
  if (!isRecord(node)) return null;
  const [op, body]: [string, unknown] = Object.entries(node)[0] ?? ['', null];
  if (op === 'Value') return typeof body === 'boolean' ? (body === negated ? 'never' : 'always') : null;
  if (op === '&&' || op === '||') return connected(node, op, negated);
  if (Array.isArray(body)) return ofAddress(op, body, negated);
  if (!isRecord(body)) return null;
  if (op === '!') return wordsFor(body.arg, !negated);
  if (op === '.') return isOnCall(node, negated);
  if (op === 'has') return has(body, negated);
  if (op === 'like') return like(body, negated);
  if (op === 'is') return kindOf(body, negated);
  if (op === 'in') return within(body.left, body.right, negated);
  if (op === 'contains') return contains(body.left, body.right, negated);
  if (op === 'containsAny') return containsAny(body.left, body.right, negated);
  return op in OPPOSITE ? compared(op, body.left, body.right, negated) : null;
}

/** What `context.task` must be, where a condition says that and nothing else: `read-orders`, `a or b`. */
export function tasksIn(node: unknown): string | null {
  if (!isRecord(node)) return null;
  const words = wordsFor(node);
  const isTask =
    words !== null &&
    typeof words !== 'string' &&
    words.subject === 'the task' &&
    /^is( either)?$/.test(words.verb);
  return isTask ? words.rest : null;
}

function connected(node: Record<string, unknown>, op: '&&' | '||', negated: boolean): Words | null {
  const sides: Words[] = [];
  for (const side of flattened(node, op)) {
    const words = wordsFor(side, negated);
    if (words === null) return null;
    sides.push(words);
  }
  const connective = (op === '&&') === negated ? 'or' : 'and';
  const days = connective === 'or' ? sameSubject(sides) : null;
  return days ?? joined(sides, connective, true);
}

// `task == a || task == b` is one thing said of one subject, and can be said together with others.
function sameSubject(sides: readonly Words[]): Said | null {
  const [first] = sides;
  if (first === undefined || typeof first === 'string' || first.verb !== 'is') return null;
  const rests: string[] = [];
  for (const side of sides) {
    if (typeof side === 'string' || side.subject !== first.subject || side.verb !== 'is') return null;
    rests.push(side.rest);
  }
  return oneOf(first.subject, false, rests);
}

function flattened(node: unknown, op: '&&' | '||'): unknown[] {
  if (!isRecord(node) || !isRecord(node[op])) return [node];
  return [...flattened(node[op].left, op), ...flattened(node[op].right, op)];
}

function said(subject: string, negated: boolean, rest: string): Said {
  const verb = subject === 'they' ? 'are' : 'is';
  return { subject, verb: negated ? `${verb} not` : verb, rest };
}

/** `the day is either Saturday or Sunday`, `neither Saturday nor Sunday`: nobody can read it together with a neighbour. */
function oneOf(subject: string, negated: boolean, all: readonly string[]): Said {
  const [only] = all;
  if (only !== undefined && all.length === 1) return said(subject, negated, only);
  const verb = `${subject === 'they' ? 'are' : 'is'} ${negated ? 'neither' : 'either'}`;
  return { subject, verb, rest: list(all, negated ? 'nor' : 'or') };
}

function ofAddress(op: string, [first, second]: unknown[], negated: boolean): Words | null {
  if (contextName(first) !== 'sourceIp') return null;
  const rest = {
    isLoopback: 'loopback',
    isMulticast: 'multicast',
    isIpv4: 'IPv4',
    isIpv6: 'IPv6',
  }[op];
  if (rest !== undefined) return said('the source address', negated, rest);
  const range = op === 'isInRange' ? literalOf(second, 'ip') : null;
  return range === null ? null : said('the source address', negated, `in ${range}`);
}

function isOnCall(node: unknown, negated: boolean): Words | null {
  const of = attributeOf(node);
  if (of?.attr !== 'onCall') return null;
  if (of.owner === 'principal') return said('they', negated, 'on call');
  return of.owner === 'requester' ? said('the requester', negated, 'on call') : null;
}

function has(body: Record<string, unknown>, negated: boolean): Words | null {
  const path = Array.isArray(body.attr) ? body.attr.map(String) : [String(body.attr)];
  const owner =
    path.length === 2 && path[0] === 'requester' && isVar(body.left, 'context') ? 'requester' : null;
  const [attr = ''] = owner === null && path.length === 1 ? path : path.slice(1);
  if (path.length > 2 || (path.length === 2 && owner === null)) return null;
  const of = owner ?? ownerOf(body.left);
  if (of === 'context') {
    if (attr === 'ticket') return said('a ticket', negated, 'given');
    if (attr === 'purpose') return said('a reason', negated, 'given');
    return attr === 'mfaAge' ? `there was ${negated ? 'no' : 'a'} strong sign-in` : null;
  }
  const what = (of === 'target' ? OF_TARGET : OF_PRINCIPAL)[attr];
  if (of === null || what === undefined) return null;
  const a = /^[aeio]/.test(what) ? 'an' : 'a';
  if (of === 'principal') return `they ${negated ? 'have no' : `have ${a}`} ${what}`;
  return `the ${of} ${negated ? 'has no' : `has ${a}`} ${what}`;
}

function like(body: Record<string, unknown>, negated: boolean): Words | null {
  const subject = subjectOf(body.left);
  if (subject === null || !Array.isArray(body.pattern)) return null;
  const pattern = body.pattern.map((part: unknown) =>
    isRecord(part) ? String(part.Literal).replaceAll('*', '\\*') : '*',
  );
  return { subject, verb: negated ? 'does not match' : 'matches', rest: JSON.stringify(pattern.join('')) };
}

function kindOf(body: Record<string, unknown>, negated: boolean): Words | null {
  const types: Record<string, string> = { Person: 'a person', Service: 'a service', Agent: 'an agent' };
  const what = types[String(body.entity_type)];
  return what === undefined || body.in !== undefined || !isVar(body.left, 'principal')
    ? null
    : { subject: 'the principal', verb: negated ? 'is not' : 'is', rest: what };
}

function within(left: unknown, right: unknown, negated: boolean): Words | null {
  const all = setOf(right) ?? [right];
  const named = all.map(entityOf);
  const ids: string[] = [];
  for (const one of named) {
    if (one === null || one.type !== named[0]?.type) return null;
    ids.push(one.id);
  }
  const type = named[0]?.type;
  const each = (prefix: string, suffix = '') => ids.map((id) => `${prefix}${id}${suffix}`);
  if (isVar(left, 'principal')) return type === 'Group' ? oneOf('they', negated, each('in ')) : null;
  if (isVar(left, 'action')) return type === 'Action' ? oneOf('the action', negated, ids) : null;
  if (isVar(left, 'resource')) {
    if (type === 'Segment') return oneOf('the target', negated, each('in '));
    return type === 'Environment' ? oneOf('the target', negated, each('in the environment ')) : null;
  }
  const name = contextName(left);
  if (name === 'dayOfWeek' && type === 'Day') return oneOf('the day', negated, ids.map(dayName));
  return name === 'task' && type === 'Task'
    ? oneOf('the task', negated, each('', ' (or a part of it)'))
    : null;
}

function contains(left: unknown, right: unknown, negated: boolean): Words | null {
  const groups = attributeOf(left);
  if (groups?.owner === 'requester' && groups.attr === 'groups') {
    const group = entityOf(right);
    return group?.type === 'Group' ? said('the requester', negated, `in ${group.id}`) : null;
  }
  const all = setOf(left)?.map((item) => literalText(item));
  const subject = subjectOf(right);
  if (all === undefined || subject === null || subject === CONTEXT.localTime || subject === CONTEXT.mfaAge)
    return null;
  const texts: string[] = [];
  for (const text of all) {
    if (text === null) return null;
    texts.push(text);
  }
  return texts.length === 0 ? null : oneOf(subject, negated, texts);
}

function containsAny(left: unknown, right: unknown, negated: boolean): Words | null {
  const groups = attributeOf(left);
  const all = setOf(right)?.map(entityOf);
  if (groups?.owner !== 'requester' || groups.attr !== 'groups' || all === undefined || all.length === 0)
    return null;
  const ids = all.flatMap((one) => (one?.type === 'Group' ? [one.id] : []));
  return ids.length === all.length
    ? oneOf(
        'the requester',
        negated,
        ids.map((id) => `in ${id}`),
      )
    : null;
}

function compared(written: string, left: unknown, right: unknown, negated: boolean): Words | null {
  if (literalText(left) !== null && literalText(right) === null)
    return compared(MIRRORED[written] ?? written, right, left, negated);
  const op = negated ? (OPPOSITE[written] ?? written) : written;
  if (op === '==' || op === '!=') return equal(left, right, op === '!=');
  const name = contextName(left);
  const ms = parseCedarDurationMs(right);
  if (name === 'now') {
    const moment = literalOf(right, 'datetime');
    return moment === null ? null : said('the time', false, `${MOMENT[op]} ${moment}`);
  }
  if (ms === null || ms < 0 || ms % 1000 !== 0) return null;
  if (name === 'localTime') return said('the local time', false, clock(op, ms / 1000));
  if (name === 'duration') return said('the duration', false, `${AMOUNT[op]} ${exactDuration(ms / 1000)}`);
  if (name !== 'mfaAge') return null;
  return {
    subject: 'their last strong sign-in',
    verb: 'was',
    rest: `${AMOUNT[op]} ${exactDuration(ms / 1000)} ago`,
  };
}

function clock(op: string, seconds: number): string {
  const at = clockText(seconds);
  return (
    { '<': `before ${at}`, '<=': `${at} or before`, '>': `after ${at}`, '>=': `${at} or later` }[op] ?? ''
  );
}

function equal(left: unknown, right: unknown, negated: boolean): Words | null {
  const flag = isRecord(right) ? right.Value : undefined;
  if (typeof flag === 'boolean') return wordsFor(left, flag === negated);
  const [one, other] = [attributeOf(left), attributeOf(right)];
  const relation = relationOf(one, other) ?? relationOf(other, one);
  if (relation !== null) return said('they', negated, relation);
  const named = entityOf(right);
  if (isVar(left, 'principal') && named !== null) return said('they', negated, named.id);
  if (isVar(left, 'resource') && named !== null) return said('the target', negated, named.id);
  if (isVar(left, 'action') && named !== null) return said('the action', negated, named.id);
  const name = contextName(left);
  if (name === 'localTime' || name === 'mfaAge' || name === 'duration' || name === 'now') {
    const ms = parseCedarDurationMs(right);
    if (name === 'mfaAge' || name === 'now' || ms === null || ms < 0 || ms % 1000 !== 0) return null;
    const text = name === 'localTime' ? clockText(ms / 1000) : exactDuration(ms / 1000);
    return said(CONTEXT[name] ?? name, negated, `exactly ${text}`);
  }
  const subject = subjectOf(left);
  const literal = literalText(right) ?? subjectOf(right);
  return subject === null || literal === null ? null : said(subject, negated, literal);
}
