// Obligations and notes that a policy carries as annotations. Cedar does not type them, so a misspelt one would be
// silence where somebody wanted a control: everything here is checked at load, and what is unknown is an error.

import { parseDuration } from '../../base/duration.ts';
import { messageOf } from '../../base/errors.ts';
import type { Action, Obligations } from './facts.ts';
import { readLimits } from './limits.ts';
import {
  readApproveStatements,
  readKeepRecording,
  readLiterals,
  readMaxBytes,
  readMaxRows,
} from './session-controls.ts';
import { readClock, readLanding, readUse } from './session-terms.ts';
import { readStages } from './stages.ts';

export interface Notes {
  id: string | null;
  description: string | null;
  owner: string | null;
  learnedFrom: string | null;
  /** From this moment on the policy no longer counts. */
  expiresAtMs: number | null;
  obligations: Obligations;
}

const LONGEST_NOTE = 500;
const MOST_MASKS = 20;

const NOTES = ['id', 'description', 'owner', 'expires', 'learnedFrom'];
const LIMITS = [
  'maxDuration',
  'approvals',
  'limits',
  'record',
  'mask',
  'stepUp',
  'use',
  'clock',
  'softLanding',
  'maxRows',
  'maxBytes',
  'approveStatements',
  'literals',
  'keepRecording',
];
/** What becomes a part of the grant when it is made. */
const OF_THE_GRANT = ['limits', 'use', 'clock', 'softLanding'];
/** What an obligation can be bound to; on any other action nobody would carry it out. */
const OBLIGING_ACTIONS: readonly Action[] = [
  'request',
  'autoApprove',
  'connect',
  'exec',
  'extend',
  'breakGlass',
];
const TIMED_ACTIONS: readonly Action[] = ['request', 'autoApprove', 'extend', 'breakGlass'];

export function noObligations(): Obligations {
  return { maxDurationSeconds: null, approvals: [], record: 'on', stepUp: 'none', mask: [] };
}

/** The notes, and every problem in words (empty when all is well). */
export function readAnnotations(
  annotations: Record<string, string | null>,
  policy: { effect: 'permit' | 'forbid'; actions: readonly Action[] },
): { notes: Notes; problems: string[] } {
  const notes: Notes = {
    id: null,
    description: null,
    owner: null,
    learnedFrom: null,
    expiresAtMs: null,
    obligations: noObligations(),
  };
  const problems: string[] = [];
  for (const [name, value] of Object.entries(annotations)) {
    if (value === null || value.trim() === '') problems.push(`@${name} needs a value: @${name}("…").`);
    else if (value.length > LONGEST_NOTE)
      problems.push(`@${name} is longer than ${LONGEST_NOTE} characters.`);
    else {
      const problem = misplaced(name, policy) ?? take(notes, name, value, annotations.approvals != null);
      if (problem !== null) problems.push(problem);
    }
  }
  return { notes, problems };
}

function misplaced(name: string, policy: { effect: string; actions: readonly Action[] }): string | null {
  if (NOTES.includes(name)) return null;
  if (!LIMITS.includes(name)) {
    return `@${name} is not an annotation that Sallyport knows. Known are: ${[...NOTES, ...LIMITS].map((n) => `@${n}`).join(', ')}.`;
  }
  if (policy.effect === 'forbid') return `@${name} is on a forbid, which can oblige nobody to anything.`;
  const covers = (actions: readonly Action[]) => actions.some((action) => policy.actions.includes(action));
  if (name === 'approvals' && !covers(['request', 'extend'])) {
    return '@approvals has an effect only on a permit for Action::"request" or Action::"extend".';
  }
  if (OF_THE_GRANT.includes(name) && !covers(['request', 'autoApprove'])) {
    return `@${name} has an effect only on a permit for Action::"request" or Action::"autoApprove".`;
  }
  if (name === 'maxDuration' && !covers(TIMED_ACTIONS)) {
    return `@maxDuration has an effect only on a permit for ${TIMED_ACTIONS.join(', ')}.`;
  }
  return covers(OBLIGING_ACTIONS)
    ? null
    : `@${name} has no effect on a permit for ${policy.actions.join(', ')}.`;
}

/** Null when it was taken. */
function take(notes: Notes, name: string, value: string, named: boolean): string | null {
  switch (name) {
    case 'id':
      notes.id = value;
      return /^[a-z0-9][a-z0-9._-]{0,99}$/.test(value)
        ? null
        : '@id must be lower-case letters, digits and . _ - only, at most 100.';
    case 'description':
    case 'owner':
    case 'learnedFrom':
      notes[name] = value;
      return null;
    case 'expires':
      return takeExpiry(notes, value);
    case 'maxDuration':
      try {
        notes.obligations.maxDurationSeconds = parseDuration(value, '@maxDuration');
        return null;
      } catch (error) {
        return `@maxDuration: ${messageOf(error)}`;
      }
    case 'approvals':
      return takeApprovals(notes, value);
    case 'limits':
      return takeLimits(notes, value);
    case 'use':
      return takeTerms(notes, readUse(value));
    case 'clock':
      return takeTerms(notes, readClock(value));
    case 'softLanding':
      return takeTerms(notes, readLanding(value));
    case 'maxRows':
      return takeTerms(notes, readMaxRows(value));
    case 'maxBytes':
      return takeTerms(notes, readMaxBytes(value));
    case 'approveStatements':
      return takeTerms(notes, readApproveStatements(value, named));
    case 'literals':
      return takeTerms(notes, readLiterals(value));
    case 'keepRecording':
      return takeTerms(notes, readKeepRecording(value));
    case 'record':
      if (value !== 'required') return '@record must be "required".';
      notes.obligations.record = value;
      return null;
    case 'stepUp':
      if (value !== 'passkey') return '@stepUp must be "passkey".';
      notes.obligations.stepUp = value;
      return null;
    default:
      return takeMasks(notes, value);
  }
}

function takeExpiry(notes: Notes, value: string): string | null {
  const form = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,3})?(Z|[+-]\d{2}:\d{2})$/;
  const at = form.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(at)) return '@expires must be a moment by RFC 3339, such as 2027-01-31T18:00:00Z.';
  notes.expiresAtMs = at;
  return null;
}

function takeApprovals(notes: Notes, value: string): string | null {
  const stages = readStages(value);
  if (typeof stages === 'string') return stages;
  notes.obligations.approvals = stages;
  return null;
}

function takeLimits(notes: Notes, value: string): string | null {
  const limits = readLimits(value);
  if (typeof limits === 'string') return limits;
  notes.obligations.limits = limits;
  return null;
}

function takeTerms(notes: Notes, terms: Partial<Obligations> | string): string | null {
  if (typeof terms === 'string') return terms;
  Object.assign(notes.obligations, terms);
  return null;
}

function takeMasks(notes: Notes, value: string): string | null {
  const names = value.split(',').map((name) => name.trim());
  if (names.length > MOST_MASKS || !names.every((name) => /^[a-z0-9][a-z0-9-]{0,39}$/.test(name))) {
    return `@mask must name classes of data, such as "pii" or "pii, secrets" (at most ${MOST_MASKS}).`;
  }
  notes.obligations.mask = [...new Set(names)].sort();
  return null;
}
