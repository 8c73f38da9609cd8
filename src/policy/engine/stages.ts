// Approval stages as policies write them: `2 of Group::"dba", after 30m also Group::"leads"; 1 of manager`. They open
// one after the other. Who comes in after a while fills the same places: waiting never makes fewer people enough.

import { parseDuration } from '../../base/duration.ts';
import { messageOf } from '../../base/errors.ts';
import type { ApprovalStage, Obligations } from './facts.ts';

const MOST_STAGES = 5;
const MOST_OF_A_STAGE = 10;

const SOURCE = 'manager|(?:onCall )?Group::"[a-z0-9][a-z0-9._-]{0,99}"';
const STAGE = new RegExp(`^\\s*(\\d{1,3}) of (${SOURCE})(?:, after ([^ ,;]{1,20}) also (${SOURCE}))?\\s*$`);

/** The stages in their order, or what is wrong in words. */
export function readStages(value: string): ApprovalStage[] | string {
  const stages: ApprovalStage[] = [];
  for (const text of value.split(';')) {
    const stage = readStage(text);
    if (typeof stage === 'string') return stage;
    if (stages.some((one) => one.from === stage.from)) return `@approvals names ${stage.from} twice.`;
    stages.push(stage);
  }
  return stages.length > MOST_STAGES ? `@approvals has more than ${MOST_STAGES} stages.` : stages;
}

function readStage(text: string): ApprovalStage | string {
  const [, count, from = '', wait, later] = STAGE.exec(text) ?? [];
  if (count === undefined) {
    return `@approvals: "${text.trim()}" is not a stage. Write: 2 of Group::\\"dba\\", after 30m also onCall Group::\\"leads\\"; 1 of manager.`;
  }
  const stage: ApprovalStage = { count: Number(count), from };
  if (stage.count < 1 || stage.count > MOST_OF_A_STAGE)
    return `@approvals: a stage takes 1 to ${MOST_OF_A_STAGE} people.`;
  if (from === 'manager' && stage.count > 1) return '@approvals: nobody has more than one manager.';
  if (wait === undefined || later === undefined) return stage;
  if (later === from) return `@approvals: ${later} is asked from the beginning already.`;
  try {
    return { ...stage, also: { afterSeconds: parseDuration(wait, '@approvals'), from: later } };
  } catch (error) {
    return `@approvals: ${messageOf(error)}`;
  }
}

/** All that a policy asks for approvals by: of requests, and of statements one by one. */
export function stagesOf({
  approvals,
  approveStatements,
}: Pick<Obligations, 'approvals' | 'approveStatements'>): ApprovalStage[] {
  return [...approvals, ...(approveStatements?.by ?? [])];
}

/** The groups whose members stages ask for, by name. */
export function groupsOfStages(stages: readonly ApprovalStage[]): string[] {
  const sources = stages.flatMap((stage) => [
    stage.from,
    ...(stage.also === undefined ? [] : [stage.also.from]),
  ]);
  return sources.flatMap((source) => /Group::"([^"]+)"/.exec(source)?.[1] ?? []);
}

/**
 * All stages of all lists; of one source the larger count, and those who come in later only where every list lets them,
 * at the latest of the times. What one list puts before another stays before it; where lists contradict each other, and
 * where they say nothing, the sources' names decide.
 */
export function mergeStages(lists: readonly (readonly ApprovalStage[])[]): ApprovalStage[] {
  const merged = new Map<string, ApprovalStage>();
  const before = new Map<string, Set<string>>();
  for (const stages of lists) {
    stages.forEach((stage, at) => {
      const known = merged.get(stage.from);
      merged.set(stage.from, known === undefined ? stage : stricter(known, stage));
      const earlier = before.get(stage.from) ?? new Set();
      for (const one of stages.slice(0, at)) earlier.add(one.from);
      before.set(stage.from, earlier);
    });
  }
  const ordered: ApprovalStage[] = [];
  for (const left = new Map([...merged].sort(([a], [b]) => (a < b ? -1 : 1))); left.size > 0; ) {
    const isFirst = (from: string) => ![...(before.get(from) ?? [])].some((one) => left.has(one));
    const next = [...left.keys()].find(isFirst) ?? [...left.keys()][0] ?? '';
    const stage = left.get(next);
    if (stage !== undefined) ordered.push(stage);
    left.delete(next);
  }
  return ordered;
}

function stricter(a: ApprovalStage, b: ApprovalStage): ApprovalStage {
  const { from } = a;
  const count = Math.max(a.count, b.count);
  if (a.also === undefined || b.also === undefined || a.also.from !== b.also.from) return { count, from };
  const afterSeconds = Math.max(a.also.afterSeconds, b.also.afterSeconds);
  return { count, from, also: { afterSeconds, from: a.also.from } };
}
