// Policies as people read them: found by what they name and by their words, told as sentences beside their text.

import type { PolicyPage, PolicyQuery, PolicyView } from '../api/policies.ts';
import { pathsDownTo } from '../base/segment-path.ts';
import type { CompiledPolicies } from './engine/compile.ts';
import { type Action, PLATFORM_ACTIONS } from './engine/facts.ts';
import { textOf } from './engine/policy-text.ts';
import type { Rule } from './engine/rule.ts';
import { sentenceOf } from './engine/sentence.ts';
import { groupsOfStages, stagesOf } from './engine/stages.ts';
import type { PolicyFiles } from './publish.ts';

/** Sentences that are made before others have their turn: sessions go through the same process. */
const SENTENCES_IN_A_ROW = 200;
const MOST_TO_CHOOSE_FROM = 500;

const PLATFORM: readonly Action[] = PLATFORM_ACTIONS;

/** In the order of files and lines; a page at a time. */
export async function findPolicies(
  set: { compiled: CompiledPolicies; files: PolicyFiles },
  query: PolicyQuery,
  nowMs: number,
): Promise<PolicyPage> {
  const { rules, digest } = set.compiled;
  const byFile = Map.groupBy(rules, (rule) => rule.file);
  const matching: Rule[] = [];
  const words = (query.text ?? '').toLowerCase().split(/\s+/).filter(Boolean);
  let made = 0;
  for (const rule of rules) {
    if (!isAbout(rule, query)) continue;
    if (words.length > 0) {
      const text = `${rule.id} ${sentenceOf(rule).text} ${namedIn(rule)} ${Object.values(rule.json.annotations ?? {}).join(' ')}`;
      if (++made % SENTENCES_IN_A_ROW === 0) await new Promise(setImmediate);
      if (!words.every((word) => text.toLowerCase().includes(word))) continue;
    }
    matching.push(rule);
  }
  const start = query.cursor === undefined ? 0 : matching.findIndex((rule) => rule.id === query.cursor) + 1;
  const page = matching.slice(start, start + query.limit);
  const last = page.at(-1);
  return {
    digest,
    items: page.map((rule) =>
      viewPolicy(rule, byFile.get(rule.file) ?? [], set.files[rule.file] ?? '', nowMs),
    ),
    count: matching.length,
    nextCursor: last === undefined || start + page.length >= matching.length ? null : last.id,
    ...choicesOf(set.compiled),
  };
}

const choices = new WeakMap<CompiledPolicies, Pick<PolicyPage, 'groups' | 'segments'>>();

function choicesOf(policies: CompiledPolicies): Pick<PolicyPage, 'groups' | 'segments'> {
  const known = choices.get(policies);
  if (known !== undefined) return known;
  const all = (type: string) =>
    distinct(policies.rules.flatMap((rule) => namesIn(rule, type))).slice(0, MOST_TO_CHOOSE_FROM);
  const made = { groups: all('Group'), segments: all('Segment') };
  choices.set(policies, made);
  return made;
}

/** `others`: the rules of the same file, whose text is `text`. */
export function viewPolicy(rule: Rule, others: readonly Rule[], text: string, nowMs: number): PolicyView {
  const { description, owner, learnedFrom, expiresAtMs } = rule.notes;
  return {
    id: rule.id,
    file: rule.file,
    line: rule.line,
    effect: rule.effect,
    actions: [...rule.actions],
    sentence: sentenceOf(rule).parts,
    cedar: textOf(rule, others, text),
    description,
    owner,
    expiresAt: expiresAtMs === null ? null : new Date(expiresAtMs).toISOString(),
    expired: expiresAtMs !== null && expiresAtMs <= nowMs,
    learnedFrom,
    groups: namesIn(rule, 'Group'),
    segments: namesIn(rule, 'Segment'),
    tasks: namesIn(rule, 'Task'),
  };
}

function isAbout(rule: Rule, query: PolicyQuery): boolean {
  if (query.id !== undefined && rule.id !== query.id) return false;
  if (query.action !== undefined && !rule.actions.includes(query.action)) return false;
  if (query.group !== undefined && !namesIn(rule, 'Group').includes(query.group)) return false;
  return query.segment === undefined || holdsIn(rule, query.segment);
}

// By scope: one target or environment may hang anywhere, so its policies are shown for every segment.
function holdsIn(rule: Rule, segment: string): boolean {
  if (rule.actions.every((action) => PLATFORM.includes(action))) return false;
  if (rule.resource.key === '*') return rule.resource.type !== 'Platform';
  const [type, path = ''] = rule.resource.key.split('::');
  if (type !== 'Segment') return type !== 'Platform';
  return pathsDownTo(segment).includes(path) || path.startsWith(`${segment}/`);
}

function namesIn(rule: Rule, type: string): string[] {
  const prefix = `${type}::`;
  const named = [rule.principal.key, rule.resource.key, ...rule.survey.entities].filter((key) =>
    key.startsWith(prefix),
  );
  const approvers = type === 'Group' ? groupsOfStages(stagesOf(rule.notes.obligations)) : [];
  return distinct([...named.map((key) => key.slice(prefix.length)), ...approvers]);
}

function namedIn(rule: Rule): string {
  return [rule.principal.key, rule.resource.key, ...rule.survey.entities, ...rule.actions, rule.effect].join(
    ' ',
  );
}

function distinct(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}
