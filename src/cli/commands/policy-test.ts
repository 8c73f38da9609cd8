// `sally policy test`: the cases of a folder's tests.yaml against the folder's own policies, before anybody proposes
// them. What the file describes is decided here; what it only names is asked of the server. It changes nothing.

import { join } from 'node:path';
import type { Command } from 'commander';
import { type Obligations, type Outcome, preview, type Reason } from '../../api/requests.ts';
import { formatDuration, parseDuration } from '../../base/duration.ts';
import type { CompiledPolicies } from '../../policy/engine/compile.ts';
import type { Api } from '../client.ts';
import { EXIT, usage } from '../exit-codes.ts';
import { factsOf, type PolicyCase, readCases, type TestFile, titleOf } from '../policy-cases.ts';
import { type Files, readPolicyFolder } from '../policy-folder.ts';
import { printable } from '../printable.ts';
import { leaf, type Run, startRun } from '../run.ts';

const TESTS_FILE = `
tests.yaml, beside the policies:
  principals:
    engineer: {groups: [engineering]}          # kind, accountType, title, onCall, managerId, sponsorId
  targets:
    orders-db: {segment: prod/eu/orders}       # environment, kind, sensitivity, owner, timeZone
  cases:
    - {principal: engineer, target: orders-db, task: read-orders, duration: 1h, expect: allow}
    - name: a schema change takes two
      principal: engineer
      target: orders-db
      task: change-schema
      at: 2026-11-07T23:00:00Z
      sourceAddress: 10.1.2.3
      expect: needs-approval
      approvals: ['2 of Group::"approvers"']
      maxDuration: 2h
A principal or target that the file does not describe is the server's.`;

interface Told {
  outcome: Outcome;
  obligations: Obligations;
  reasons: Reason[];
}

interface Result {
  name: string;
  ok: boolean;
  expected: Outcome;
  outcome: Outcome;
  /** What differs, a line each. */
  differences: string[];
  reasons: Reason[];
}

export function testCommand(): Command {
  return leaf('test <folder>', "run a folder's tests.yaml against its policies, without a server", [
    'policy test policies',
    'policy test policies --json',
  ])
    .addHelpText('after', TESTS_FILE)
    .action(async (folder: string, _options: object, self: Command) => {
      const run = startRun(self);
      const file = readCases(join(folder, 'tests.yaml'));
      const files = readPolicyFolder(folder);
      const engine = await loadEngine();
      const policies = engine.compilePolicies(files);
      const results: Result[] = [];
      for (const one of file.cases) {
        const told = tellHere(engine, policies, file, one) ?? (await askServer(run, files, one));
        results.push(resultOf(one, told));
      }
      const failed = results.filter((result) => !result.ok);
      run.out.data({ ok: failed.length === 0, cases: results }, () => [
        ...results.flatMap((result) => resultLines(result, run)),
        `${results.length - failed.length} of ${results.length} cases are as expected.`,
      ]);
      if (failed.length > 0) run.finish(EXIT.failed);
    });
}

// Cedar is loaded by those who need it: other commands start sooner.
async function loadEngine() {
  const [{ compilePolicies }, { decide, permitted }] = await Promise.all([
    import('../../policy/engine/compile.ts'),
    import('../../policy/engine/decide.ts'),
  ]);
  return { compilePolicies, decide, permitted };
}

/** Null where the file does not say enough. */
function tellHere(
  engine: Awaited<ReturnType<typeof loadEngine>>,
  policies: CompiledPolicies,
  file: TestFile,
  one: PolicyCase,
): Told | null {
  const facts = factsOf(file, one);
  if (facts === null) return null;
  if (one.action === 'request') return engine.decide(policies, facts);
  const { allowed, obligations, reasons } = engine.permitted(policies, 'connect', facts);
  return { outcome: allowed ? 'allow' : 'deny', obligations, reasons };
}

let connected: Promise<Api> | null = null;

async function askServer(run: Run, files: Files, one: PolicyCase): Promise<Told> {
  const { principal, target, task, duration, sourceAddress, at, action } = one;
  if (typeof principal === 'object' || typeof target === 'object' || action !== 'request') {
    throw usage(
      `"${titleOf(one)}" describes only a part of whom and what it is about.`,
      'Describe both the principal and the target in tests.yaml.',
    );
  }
  connected ??= run.api();
  const body = { principal, target, task, duration, sourceAddress, at, files };
  return (await (await connected).post('/api/policy/explain', preview, { body })).decision;
}

function resultOf(one: PolicyCase, told: Told): Result {
  const differences = [
    difference('outcome', one.expect, told.outcome),
    difference('approvals', one.approvals && sorted(one.approvals), sorted(stagesOf(told.obligations))),
    difference('maxDuration', secondsText(one.maxDuration), mostText(told.obligations)),
    difference('record', one.record, told.obligations.record),
    difference('mask', one.mask && sorted(one.mask), sorted(told.obligations.mask)),
    difference('stepUp', one.stepUp, told.obligations.stepUp),
    difference('keepRecording', keptText(one.keepRecording), keepText(told.obligations)),
  ].filter((text) => text !== null);
  return {
    name: titleOf(one),
    ok: differences.length === 0,
    expected: one.expect,
    outcome: told.outcome,
    differences,
    reasons: told.reasons,
  };
}

/** Null where nothing is expected, or just that. */
function difference(what: string, expected: string | undefined, found: string): string | null {
  return expected === undefined || expected === found
    ? null
    : `${what}: expected ${expected}, policy says ${found}`;
}

function sorted(texts: string[]): string {
  return [...texts].sort().join('; ') || 'none';
}

function stagesOf(obligations: Obligations): string[] {
  return obligations.approvals.map((stage) => `${stage.count} of ${stage.from}`);
}

function secondsText(text: string | undefined): string | undefined {
  return text === undefined ? undefined : formatDuration(parseDuration(text, 'maxDuration'));
}

function keptText(text: string | undefined): string | undefined {
  if (text === undefined || text === 'default' || text === 'forever') return text;
  return formatDuration(parseDuration(text, 'keepRecording', Number.MAX_SAFE_INTEGER));
}

function keepText({ keepRecordingSeconds: seconds }: Obligations): string {
  if (seconds === undefined) return 'default';
  return seconds === null ? 'forever' : formatDuration(seconds);
}

function mostText({ maxDurationSeconds }: Obligations): string {
  return maxDurationSeconds === null ? 'none' : formatDuration(maxDurationSeconds);
}

function resultLines(result: Result, run: Run): string[] {
  if (result.ok) return [`${run.out.paint('good', 'ok  ')}  ${printable(result.name)}`];
  return [
    `${run.out.paint('bad', 'fail')}  ${printable(result.name)}`,
    ...result.differences.map((text) => `        ${printable(text)}`),
    ...result.reasons.map(
      (reason) => `        ${printable(`${reason.policy || 'because'}: ${reason.text}`)}`,
    ),
  ];
}
