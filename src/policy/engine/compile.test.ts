// What is refused at load, and where the refusal says that it stands.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../base/errors.ts';
import { compilePolicies, LARGEST_FILE_BYTES, MOST_FILES, MOST_POLICIES } from './compile.ts';
import type { PolicyProblem } from './source.ts';

/** The problems of a set that must be refused. */
function problemsOf(files: Record<string, string>): PolicyProblem[] {
  try {
    compilePolicies(files);
  } catch (error) {
    assert.ok(error instanceof Failure);
    assert.equal(error.code, 'policy-invalid');
    assert.equal(error.kind, 'invalid');
    return error.facts?.errors as PolicyProblem[];
  }
  assert.fail('These policies should have been refused.');
}

/** The one problem of a policy that is on line 2 of its file. */
function problemOf(policy: string): PolicyProblem {
  const problems = problemsOf({ 'a.cedar': `// who may\n${policy}` });
  assert.equal(problems.length, 1, JSON.stringify(problems));
  const [only] = problems;
  assert.ok(only);
  assert.equal(only.line, 2);
  return only;
}

const PERMIT =
  'permit (principal, action in [Action::"request", Action::"autoApprove"], resource in Segment::"prod");';

test('a syntax error names file, line and column, also behind characters of several bytes', () => {
  const problems = problemsOf({
    'a.cedar': `// für später: ⏰\n${PERMIT}\n\n  permit (principal, acton, resource);`,
  });
  assert.equal(problems.length, 1);
  assert.equal(problems[0]?.file, 'a.cedar');
  assert.equal(problems[0]?.line, 4);
  assert.equal(problems[0]?.column, 22);
  const inWord = problemsOf({ 'a.cedar': `permit (principal, action, resource) when { "ü⏰" == "ü⏰" & };` });
  assert.equal(inWord[0]?.column, 58);
});

test('what the schema does not know is an error with its line, all files and all errors at once', () => {
  const problems = problemsOf({
    'b.cedar': `${PERMIT}\n@id("typo") permit (principal, action == Action::"connect", resource)\nwhen { context.durration < duration("1h") };`,
    'a.cedar': `permit (principal in Gruop::"x", action == Action::"connect", resource);\n${PERMIT}`,
  });
  const told = problems.map(({ file, line, reason }) => `${file}:${line} ${reason}`).join('\n');
  assert.match(told, /a\.cedar:1 unrecognized entity type `Gruop`/);
  assert.match(told, /b\.cedar:3 attribute `durration`/);
  assert.ok(problems.some((problem) => problem.policy === 'b/typo' && problem.hint?.includes('duration')));
});

test('a commented-out copy does not mislead the line', () => {
  const text = `// ${PERMIT}\n@mask("PII!")\n${PERMIT}`;
  assert.equal(problemsOf({ 'a.cedar': text })[0]?.line, 2);
});

test('the message of the failure names the first mistake', () => {
  assert.throws(
    () => compilePolicies({ 'a.cedar': '\nnonsense' }),
    (error) => error instanceof Failure && /a\.cedar:2:9: unexpected end of input/.test(error.message),
  );
});

test('annotations are checked: unknown, empty, misplaced, malformed', () => {
  const on = (annotation: string, policy = PERMIT) => problemOf(`${annotation} ${policy}`).reason;
  assert.match(on('@maxduration("1h")'), /not an annotation that Sallyport knows/);
  assert.match(on('@maxDuration'), /needs a value/);
  assert.match(on('@maxDuration("1y")'), /@maxDuration: "1y" is not a duration/);
  assert.match(on('@maxDuration("1 fortnight")'), /@maxDuration: "1 fortnight" is not a duration/);
  assert.match(on('@maxDuration("0s")'), /at least 1s/);
  assert.match(on('@maxDuration("25d")'), /limit of 24d/);
  assert.match(on('@approvals("two of Group::\\"dba\\"")'), /is not a stage/);
  assert.match(on('@approvals("0 of Group::\\"dba\\"")'), /1 to 10 people/);
  assert.match(on('@approvals("2 of manager")'), /more than one manager/);
  assert.match(on('@approvals("1 of Group::\\"dba\\"; 2 of Group::\\"dba\\"")'), /twice/);
  assert.match(on('@record("maybe")'), /must be "required"/);
  assert.match(on('@stepUp("sms")'), /must be "passkey"/);
  assert.match(on('@mask("")'), /needs a value/);
  assert.match(on('@mask("PII, x y")'), /classes of data/);
  assert.match(on('@expires("tomorrow")'), /RFC 3339/);
  assert.match(on('@expires("2027-02-31T99:00:00Z")'), /RFC 3339/);
  assert.match(on('@id("No Spaces")'), /@id must be/);
  assert.match(on(`@owner("${'x'.repeat(501)}")`), /longer than 500/);
  assert.match(on('@maxDuration("1h")', 'forbid (principal, action, resource);'), /on a forbid/);
  const connect = 'permit (principal, action == Action::"connect", resource);';
  assert.match(on('@maxDuration("1h")', connect), /has an effect only on/);
  assert.match(on('@approvals("1 of manager")', connect), /only on a permit for Action::"request"/);
  const audit = 'permit (principal, action == Action::"audit", resource);';
  assert.match(on('@mask("pii")', audit), /no effect/);
});

test('annotations are read', () => {
  const { rules } = compilePolicies({
    'dba.cedar': `@id("x") @description("d") @owner("o") @learnedFrom("f") @expires("2027-01-31T18:00:00+01:00")
@maxDuration("90m") @approvals("2 of Group::\\"dba\\"; 1 of manager") @record("required") @mask("pii, cards")
@stepUp("passkey") ${PERMIT}\n${PERMIT}`,
  });
  assert.deepEqual(
    rules.map((rule) => rule.id),
    ['dba/x', 'dba/2'],
  );
  assert.deepEqual(rules[0]?.notes, {
    id: 'x',
    description: 'd',
    owner: 'o',
    learnedFrom: 'f',
    expiresAtMs: Date.parse('2027-01-31T17:00:00Z'),
    obligations: {
      maxDurationSeconds: 5400,
      approvals: [
        { count: 2, from: 'Group::"dba"' },
        { count: 1, from: 'manager' },
      ],
      record: 'required',
      stepUp: 'passkey',
      mask: ['cards', 'pii'],
    },
  });
});

test('policies keep the order of the file beyond ten', () => {
  const text = Array.from({ length: 12 }, (_, i) => `@id("p${i}")\n${PERMIT}`).join('\n');
  const { rules } = compilePolicies({ 'a.cedar': text });
  assert.deepEqual(
    rules.map((rule) => [rule.id, rule.line]),
    Array.from({ length: 12 }, (_, i) => [`a/p${i}`, 1 + 2 * i]),
  );
});

test('a permit for request names its approvals or is automatic', () => {
  const silent = 'permit (principal, action == Action::"request", resource);';
  assert.match(problemOf(silent).reason, /must name its approvals/);
  assert.match(problemOf(`@record("required") ${silent}`).reason, /must name its approvals/);
  compilePolicies({ 'a.cedar': `@approvals("1 of manager") ${silent}` });
  compilePolicies({ 'a.cedar': PERMIT });
});

test('two policies of one id, templates, impossible policies and impossible names are errors', () => {
  const twice = problemsOf({ 'a.cedar': `@id("x") ${PERMIT}\n@id("x") ${PERMIT}` });
  assert.match(twice[0]?.reason ?? '', /already that of the policy in line 1/);
  assert.match(
    problemsOf({ 'a.cedar': 'permit (principal == ?principal, action, resource);' })[0]?.reason ?? '',
    /Templates/,
  );
  assert.match(problemOf('forbid (principal, action, resource) when { false };').reason, /impossible/);
  const plain = ['Prod', 'prod/', '/prod', 'prod//eu', 'prod/./eu', 'prod/../dev', 'prod/eü', ' prod'];
  for (const segment of [...plain, 'pr\u043ed', '\uff50rod', 'prod\u200b', 'prod\u2215eu']) {
    // Of look-alikes Cedar says something too.
    const [first] = problemsOf({
      'a.cedar': `forbid (principal, action, resource in Segment::"${segment}");`,
    });
    const reason = first?.reason ?? '';
    assert.match(reason, /can never exist/, segment);
  }
  assert.match(
    problemOf('forbid (principal in Group::"DBA", action == Action::"connect", resource);').reason,
    /can never/,
  );
  const day =
    'forbid (principal, action == Action::"connect", resource) when { context.dayOfWeek == Day::"Sun" };';
  assert.match(problemOf(day).reason, /not declared as a valid eid/);
});

test('what would have to be looked up is refused instead of being quietly false', () => {
  const forbid = (when: string) =>
    problemOf(`forbid (principal is Person, action == Action::"connect", resource) when { ${when} };`);
  assert.match(forbid('Person::"bob" in Group::"x"').reason, /looked up/);
  assert.match(forbid('Person::"bob".onCall').reason, /looked up/);
});

test('integers that JSON would change are refused', () => {
  const forbid = (number: string) =>
    `forbid (principal, action == Action::"connect", resource) when { context.duration.toSeconds() > ${number} };`;
  compilePolicies({ 'a.cedar': forbid('9007199254740991') });
  for (const number of ['9007199254740992', '9007199254740993', '9223372036854775807']) {
    assert.match(problemOf(forbid(number)).reason, /2\^53/, number);
  }
});

test('limits: files, sizes, names', () => {
  const many = Object.fromEntries(Array.from({ length: MOST_FILES + 1 }, (_, i) => [`f${i}.cedar`, '']));
  assert.match(problemsOf(many)[0]?.reason ?? '', /at most 200/);
  const large = `${PERMIT}//${'x'.repeat(LARGEST_FILE_BYTES)}`;
  assert.match(problemsOf({ 'a.cedar': large })[0]?.reason ?? '', /bytes; at most/);
  const quarter = `${PERMIT}//${'x'.repeat(LARGEST_FILE_BYTES - 200)}`;
  const five = Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`f${i}.cedar`, quarter]));
  assert.match(problemsOf(five)[0]?.reason ?? '', /bytes together; at most/);
  const countless = 'permit(principal,action,resource);\n'.repeat(MOST_POLICIES + 1);
  assert.match(problemsOf({ 'a.cedar': countless })[0]?.reason ?? '', /more than the 50000 policies/);
  for (const name of ['A.cedar', '../a.cedar', 'a.txt', '.cedar', 'a/b.cedar']) {
    assert.match(problemsOf({ [name]: PERMIT })[0]?.reason ?? '', /is named like/, name);
  }
});
