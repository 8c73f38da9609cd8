// A policy while it is being put together, and the plain Cedar that it becomes: nothing that the server would not
// read, and nothing that somebody could not have written by hand.

import { describeDuration } from '../../src/base/duration.ts';
import { listText } from './counts.ts';
import { secondsOf } from './durations.ts';

export interface StageDraft {
  count: number;
  /** A group's name, or `manager`. */
  from: string;
}

export interface PolicyDraft {
  id: string;
  owner: string;
  whoKind: 'group' | 'person' | 'service';
  who: string;
  /** None means any task. */
  tasks: string[];
  whereKind: 'segment' | 'target' | 'anywhere';
  where: string;
  longest: string;
  how: 'at-once' | 'approval';
  stages: StageDraft[];
  /** Networks such as 10.0.0.0/8; none means from anywhere. */
  addresses: string[];
  /** None, or all seven, means every day. */
  days: string[];
  /** `08:00`; both empty means all day. */
  from: string;
  to: string;
  ticket: boolean;
  record: boolean;
  stepUp: boolean;
  mask: string[];
  /** A day such as 2027-01-31, at whose end (UTC) it stops to count; empty for never. */
  expires: string;
  /** Also write the permits without which nobody could use or approve it. */
  complete: boolean;
}

export const EMPTY_DRAFT: PolicyDraft = {
  id: '',
  owner: '',
  whoKind: 'group',
  who: '',
  tasks: [],
  whereKind: 'segment',
  where: '',
  longest: '1h',
  how: 'at-once',
  stages: [{ count: 1, from: '' }],
  addresses: [],
  days: [],
  from: '',
  to: '',
  ticket: false,
  record: true,
  stepUp: false,
  mask: [],
  expires: '',
  complete: true,
};

export const DAY_NAMES: Record<string, string> = {
  mon: 'Mon',
  tue: 'Tue',
  wed: 'Wed',
  thu: 'Thu',
  fri: 'Fri',
  sat: 'Sat',
  sun: 'Sun',
};
const DAYS = Object.keys(DAY_NAMES);
const NAME = /^[a-z0-9][a-z0-9._@-]{0,99}$/;
const GROUP = /^[a-z0-9][a-z0-9._-]{0,99}$/;
const SEGMENT = /^[a-z0-9][a-z0-9-]{0,62}(\/[a-z0-9][a-z0-9-]{0,62}){0,9}$/;
const CLOCK = /^([01]\d|2[0-3]):([0-5]\d)$/;
const CLASS = /^[a-z0-9][a-z0-9-]{0,39}$/;
const NETWORK = /^[0-9a-fA-F.:]{2,45}(\/\d{1,3})?$/;

/** What is missing or wrong, by field; empty when it can be written. */
export function draftProblems(draft: PolicyDraft): Record<string, string> {
  const problems: Record<string, string> = {};
  const need = (field: string, fine: boolean, text: string) => {
    if (!fine) problems[field] = text;
  };
  need(
    'id',
    draft.id === '' || /^[a-z0-9][a-z0-9._-]{0,99}$/.test(draft.id),
    'Lower-case letters, digits and . _ -.',
  );
  need(
    'who',
    (draft.whoKind === 'group' ? GROUP : NAME).test(draft.who),
    'Say who: a name such as engineering.',
  );
  const place = draft.whereKind === 'segment' ? SEGMENT : NAME;
  need(
    'where',
    draft.whereKind === 'anywhere' || place.test(draft.where),
    'Say where: a path such as prod/eu/orders.',
  );
  need(
    'tasks',
    draft.tasks.every((task) => NAME.test(task)),
    'Names of tasks, such as read-orders.',
  );
  need('longest', secondsOf(draft.longest) !== null, 'Say for how long at most.');
  need(
    'addresses',
    draft.addresses.every((one) => NETWORK.test(one)),
    'Networks such as 10.0.0.0/8 or fc00::/7.',
  );
  need(
    'mask',
    draft.mask.every((name) => CLASS.test(name)),
    'Classes of data, such as pii.',
  );
  const hours = [draft.from, draft.to];
  const clocks = hours.every((text) => CLOCK.test(text)) && draft.from !== draft.to;
  need('hours', hours.every((text) => text === '') || clocks, 'Both from and to, and not the same.');
  need('expires', draft.expires === '' || !Number.isNaN(Date.parse(draft.expires)), 'A day.');
  if (draft.how === 'approval') {
    const groups = draft.stages.map((stage) => stage.from);
    need(
      'stages',
      draft.stages.length > 0 && groups.every((name) => GROUP.test(name)),
      'Say whose approval.',
    );
    if (new Set(groups).size < groups.length) problems.stages = 'Each group once.';
    if (draft.stages.some((stage) => stage.from === 'manager' && stage.count > 1))
      problems.stages = 'Nobody has more than one manager.';
    if (draft.stages.some(({ count }) => !Number.isInteger(count) || count < 1 || count > 10))
      problems.stages = 'From 1 to 10 people.';
  }
  return problems;
}

/** `read-orders-at-once`: from what is chosen, for who gives it no name. */
export function idOf(draft: PolicyDraft): string {
  if (draft.id !== '') return draft.id;
  const what = draft.tasks.length === 1 ? draft.tasks[0] : draft.tasks.length === 0 ? 'any-task' : 'tasks';
  const words = `${draft.who}-${what}-${draft.how === 'at-once' ? 'at-once' : 'with-approval'}`;
  return words.replace(/[^a-z0-9._-]+/g, '-').slice(0, 60);
}

/** The Cedar text. Call only without problems. */
export function cedarFrom(draft: PolicyDraft): string {
  const policies = [requestPermit(draft)];
  if (draft.complete) {
    policies.push(connectPermit(draft));
    if (draft.how === 'approval') policies.push(...draft.stages.map((stage) => approvePermit(draft, stage)));
  }
  return `${policies.join('\n\n')}\n`;
}

function requestPermit(draft: PolicyDraft): string {
  const { longest, stages, how, mask } = draft;
  const approvals = stages.map(
    ({ count, from }) => `${count} of ${from === 'manager' ? 'manager' : `Group::"${from}"`}`,
  );
  const actions =
    how === 'at-once'
      ? 'action in [Action::"request", Action::"autoApprove"]'
      : 'action == Action::"request"';
  return policy(
    [
      ['id', idOf(draft)],
      ['description', describe(draft)],
      ...common(draft),
      ['maxDuration', longest],
      ...(how === 'approval' ? [['approvals', approvals.join('; ')] as Note] : []),
      ...(draft.record ? [['record', 'required'] as Note] : []),
      ...(draft.stepUp ? [['stepUp', 'passkey'] as Note] : []),
      ...(mask.length > 0 ? [['mask', mask.join(', ')] as Note] : []),
    ],
    [who(draft), actions, where(draft)],
    [
      ...tasks(draft),
      `context.duration <= duration("${longest}")`,
      ...circumstances(draft),
      ...(draft.ticket ? ['context has ticket'] : []),
    ],
  );
}

function connectPermit(draft: PolicyDraft): string {
  return policy(
    [
      ['id', `${idOf(draft)}-connect`],
      ['description', 'Whoever holds such a grant may use it.'],
      ...common(draft),
    ],
    [who(draft), 'action == Action::"connect"', where(draft)],
    [...tasks(draft), ...circumstances(draft)],
  );
}

function approvePermit(draft: PolicyDraft, { from }: StageDraft): string {
  const manager = from === 'manager';
  return policy(
    [
      ['id', `${idOf(draft)}-approve-${from}`],
      [
        'description',
        manager ? 'Managers decide on what their people ask for.' : `Members of ${from} decide on it.`,
      ],
      ...common(draft),
    ],
    [manager ? 'principal' : `principal in Group::"${from}"`, 'action == Action::"approve"', where(draft)],
    [
      ...tasks(draft),
      ...(manager ? ['context.requester has managerId', 'context.requester.managerId == principal.id'] : []),
    ],
  );
}

type Note = [name: string, value: string];

function policy(notes: Note[], scope: string[], conditions: string[]): string {
  const annotations = notes.map(([name, value]) => `@${name}(${quoted(value)})\n`).join('');
  const head = `${annotations}permit (\n${scope.map((line) => `  ${line}`).join(',\n')}\n)`;
  if (conditions.length === 0) return `${head};`;
  if (conditions.length === 1) return `${head}\nwhen { ${conditions[0]} };`;
  return `${head}\nwhen {\n${conditions.map((line) => `  ${line}`).join(' &&\n')}\n};`;
}

function common(draft: PolicyDraft): Note[] {
  return [
    ...(draft.owner.trim() === '' ? [] : [['owner', draft.owner.trim()] as Note]),
    ...(draft.expires === '' ? [] : [['expires', `${draft.expires}T23:59:59Z`] as Note]),
  ];
}

function who({ whoKind, who: name }: PolicyDraft): string {
  if (whoKind === 'group') return `principal in Group::"${name}"`;
  return `principal == ${whoKind === 'person' ? 'Person' : 'Service'}::"${name}"`;
}

function where({ whereKind, where: name }: PolicyDraft): string {
  if (whereKind === 'anywhere') return 'resource';
  return whereKind === 'segment' ? `resource in Segment::"${name}"` : `resource == Target::"${name}"`;
}

function tasks({ tasks: names }: PolicyDraft): string[] {
  if (names.length === 0) return [];
  if (names.length === 1) return [`context.task == Task::"${names[0]}"`];
  return [`[${names.map((name) => `Task::"${name}"`).join(', ')}].contains(context.task)`];
}

function circumstances(draft: PolicyDraft): string[] {
  const { addresses, days, from, to } = draft;
  const ranges = addresses.map((network) => `context.sourceIp.isInRange(ip("${network}"))`);
  const some = days.length > 0 && days.length < DAYS.length;
  const chosen = DAYS.filter((day) => days.includes(day)).map((day) => `Day::"${day}"`);
  return [
    ...(ranges.length === 0 ? [] : [ranges.length === 1 ? ranges.join() : `(${ranges.join(' ||\n   ')})`]),
    ...(some ? [`context.dayOfWeek in [${chosen.join(', ')}]`] : []),
    ...hours(from, to),
  ];
}

// From 22:00 to 06:00 goes over midnight: then it is after the one or before the other.
function hours(from: string, to: string): string[] {
  if (from === '' || to === '') return [];
  const start = `context.localTime >= duration("${sinceMidnight(from)}")`;
  const end = `context.localTime < duration("${sinceMidnight(to)}")`;
  return from < to ? [start, end] : [`(${start} || ${end})`];
}

function sinceMidnight(clock: string): string {
  const [hour = '0', minute = '0'] = clock.split(':');
  return Number(minute) === 0 ? `${Number(hour)}h` : `${Number(hour)}h${Number(minute)}m`;
}

function describe(draft: PolicyDraft): string {
  const what = draft.tasks.length === 0 ? 'any task' : listText(draft.tasks);
  const place =
    draft.whereKind === 'anywhere'
      ? 'everywhere'
      : `${draft.whereKind === 'target' ? 'on' : 'in'} ${draft.where}`;
  const way = draft.how === 'at-once' ? 'at once' : 'with approval';
  const lasting = describeDuration(secondsOf(draft.longest) ?? 0);
  const whom = draft.whoKind === 'group' ? `Members of ${draft.who}` : draft.who;
  return `${whom} may get ${what} ${place} ${way}, for up to ${lasting}.`.slice(0, 500);
}

/** Cedar's own escapes; control characters have no place in a note. */
function quoted(text: string): string {
  return `"${text.replace(/\p{Cc}+/gu, ' ').replace(/["\\]/g, '\\$&')}"`;
}
