// The cases of tests.yaml. People, targets and tasks that the file describes are all that a case needs, so that it is
// decided here, without a server; a case that only names them is asked of the server.

import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { explainBody, outcome } from '../api/requests.ts';
import { durationText, nameText, segmentPath, timestamp } from '../api/text.ts';
import { parseDuration } from '../base/duration.ts';
import { Failure, messageOf } from '../base/errors.ts';
import type { DecisionFacts, PrincipalFacts, TargetFacts } from '../policy/engine/facts.ts';
import { usage } from './exit-codes.ts';

const MOST_CASES = 1000;
const USUAL_ADDRESS = '127.0.0.1';

const principal = z.strictObject({
  kind: z.enum(['person', 'service', 'agent']).default('person'),
  groups: z.array(nameText).default([]),
  accountType: z.string().default('employee'),
  title: z.string().nullable().default(null),
  onCall: z.boolean().default(false),
  managerId: z.string().nullable().default(null),
  sponsorId: z.string().nullable().default(null),
});

const target = z.strictObject({
  segment: segmentPath,
  environment: nameText.default('production'),
  kind: z.string().default('postgres'),
  sensitivity: z.enum(['low', 'normal', 'high']).default('normal'),
  owner: nameText.nullable().default(null),
  timeZone: z.string().default('UTC'),
});

const task = z.strictObject({ in: z.array(nameText).default([]) });

const policyCase = z.strictObject({
  name: z.string().optional(),
  action: z.enum(['request', 'connect']).default('request'),
  principal: z.union([nameText, principal]).optional(),
  target: z.union([nameText, target]),
  task: nameText,
  duration: durationText.default('1h'),
  sourceAddress: explainBody.shape.sourceAddress,
  at: timestamp.optional(),
  reason: z.string().nullable().default(null),
  ticket: z.string().nullable().default(null),
  expect: outcome,
  /** Such as `2 of Group::"dba"` or `1 of manager`; all of them, in any order. */
  approvals: z.array(z.string()).optional(),
  maxDuration: durationText.optional(),
  record: z.enum(['on', 'required']).optional(),
  mask: z.array(z.string()).optional(),
  stepUp: z.enum(['none', 'passkey']).optional(),
  /** `365d`, `forever`; `default` where no determining permit names a time. */
  keepRecording: durationText.optional(),
});
export type PolicyCase = z.infer<typeof policyCase>;

const testFile = z.strictObject({
  principals: z.record(nameText, principal).default({}),
  targets: z.record(nameText, target).default({}),
  tasks: z.record(nameText, task).default({}),
  cases: z.array(policyCase).min(1).max(MOST_CASES),
});
export type TestFile = z.infer<typeof testFile>;

/** Errors: `unreadable-file`; usage, which names the place in the file. */
export function readCases(file: string): TestFile {
  let raw: unknown;
  try {
    raw = parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Failure('invalid', 'unreadable-file', `${file} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const parsed = testFile.safeParse(raw);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw usage(
    `${file}: ${issue?.path.join('.') || 'the document'}: ${issue?.message}`,
    'See `sally policy test --help`.',
  );
}

/** All that a decision needs; null where the file only names who or what it is about. */
export function factsOf(file: TestFile, one: PolicyCase): DecisionFacts | null {
  const who = principalOf(file, one);
  const what = targetOf(file, one);
  if (who === null || what === null) return null;
  return {
    principal: who,
    target: what.facts,
    task: { name: one.task, ancestors: file.tasks[one.task]?.in ?? [] },
    context: {
      sourceIp: one.sourceAddress ?? USUAL_ADDRESS,
      nowMs: one.at === undefined ? Date.now() : Date.parse(one.at),
      timeZone: what.timeZone,
      durationSeconds: parseDuration(one.duration),
      purpose: one.reason,
      ticket: one.ticket,
      mfaAgeSeconds: null,
    },
  };
}

function principalOf(file: TestFile, one: PolicyCase): PrincipalFacts | null {
  const name = typeof one.principal === 'string' ? one.principal : 'somebody';
  const described = typeof one.principal === 'string' ? file.principals[one.principal] : one.principal;
  return described === undefined ? null : { id: `prn_${name}`, name, ...described };
}

function targetOf(file: TestFile, one: PolicyCase): { facts: TargetFacts; timeZone: string } | null {
  const name = typeof one.target === 'string' ? one.target : 'some-target';
  const described = typeof one.target === 'string' ? file.targets[one.target] : one.target;
  if (described === undefined) return null;
  const { timeZone, ...facts } = described;
  return { facts: { name, ...facts }, timeZone };
}

/** What a case is called, when its author gave it no name. */
export function titleOf(one: PolicyCase): string {
  const who =
    typeof one.principal === 'string' ? one.principal : one.principal === undefined ? 'you' : 'somebody';
  const where = typeof one.target === 'string' ? one.target : one.target.segment;
  const act = one.action === 'connect' ? 'connects with' : 'asks for';
  return one.name ?? `${who} ${act} ${one.task} on ${where} for ${one.duration}`;
}
