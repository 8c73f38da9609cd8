import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { compilePolicies } from './compile.ts';
import type { Rule } from './rule.ts';
import { sentenceOf } from './sentence.ts';

const DEMO = new URL('../../demo/policies/', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const rulesOf = (files: Record<string, string>): readonly Rule[] => compilePolicies(files).rules;

/** The sentence of one policy. */
function said(policy: string): string {
  const [rule] = rulesOf({ 'a.cedar': policy });
  assert.ok(rule !== undefined);
  return sentenceOf(rule).text;
}
const connecting = (conditions: string) =>
  `permit (principal, action == Action::"connect", resource) ${conditions};`;

const DEMO_SENTENCES: Record<string, string> = {
  'everywhere/private-networks-only':
    'Nobody may ask for any task, open sessions, break glass or decide on requests on any target, unless the source address is loopback, in 10.0.0.0/8, in 172.16.0.0/12, in 192.168.0.0/16 or in fc00::/7.',
  'everywhere/contractors-in-business-hours':
    'Nobody may ask for any task or open sessions on targets in prod, if their account type is "contractor", unless the local time is 08:00 or later and before 18:00 and the day is neither Saturday nor Sunday.',
  'orders/read-at-once':
    'Members of engineering may get read-orders at once on targets in prod/eu/orders for up to 1 h, with a required recording, if the duration is at most 1 h.',
  'orders/read-longer':
    'Members of engineering may ask for read-orders on targets in prod/eu/orders for up to 8 h, with 1 approval from approvers, with a required recording, if the duration is more than 1 h.',
  'orders/fix':
    'Members of engineering may ask for fix-orders on targets in prod/eu/orders for up to 4 h, with 1 approval from approvers, with a required recording.',
  'orders/change-schema':
    'Members of engineering may ask for change-schema on targets in prod/eu/orders for up to 2 h, with 2 approvals from approvers, with a required recording.',
  'orders/approve': 'Members of approvers may decide on requests on targets in prod/eu/orders.',
  'orders/break-glass':
    'Members of engineering may break glass for fix-orders or read-orders on targets in prod/eu/orders for up to 1 h, with a required recording.',
  'orders/connect': 'Members of engineering may open sessions on targets in prod/eu/orders.',
  'pipelines/read-at-once':
    'Members of pipelines may get read-orders at once on targets in prod/eu/orders for up to 30 min, with a required recording.',
  'pipelines/migrate':
    'Members of pipelines may ask for change-schema on targets in prod/eu/orders for up to 1 h, with 2 approvals from approvers, with a required recording.',
  'pipelines/connect': 'Members of pipelines may open sessions on targets in prod/eu/orders.',
  'sallyport/administer': 'Members of administrators may administer Sallyport.',
  'sallyport/administrators-change-policy': 'Members of administrators may change policies.',
  'sallyport/approvers-change-policy': 'Members of approvers may change policies.',
  'sallyport/audit': 'Anyone may audit Sallyport, if they are either in auditors or in administrators.',
};

test('every policy of the demo, and of the starter set', () => {
  const demo = rulesOf(
    Object.fromEntries(readdirSync(DEMO).map((name) => [name, readFileSync(new URL(name, DEMO), 'utf8')])),
  );
  assert.deepEqual(Object.fromEntries(demo.map((rule) => [rule.id, sentenceOf(rule).text])), DEMO_SENTENCES);
  const starter = rulesOf({ 'sallyport.cedar': read('../starter.cedar') });
  assert.deepEqual(
    starter.map((rule) => sentenceOf(rule).text),
    [
      'Members of administrators may administer Sallyport and change policies.',
      DEMO_SENTENCES['sallyport/audit'],
      'Members of administrators may break glass on any target for up to 30 min, with a required recording.',
    ],
  );
});

describe('shapes', () => {
  const scopes: [policy: string, sentence: string][] = [
    ['forbid (principal, action, resource);', 'Nobody may do anything anywhere.'],
    [
      '@approvals("2 of Group::\\"dba\\", after 30m also onCall Group::\\"leads\\"; 1 of manager") permit (principal in Group::"a", action == Action::"request", resource);',
      'Members of a may ask for any task on any target, with 2 approvals from dba (after 30 min also from those on call for leads) and then 1 approval from their manager.',
    ],
    [
      '@approvals("1 of manager") permit (principal is Person in Group::"a", action == Action::"request", resource == Target::"db");',
      'People in a may ask for any task on db, with 1 approval from their manager.',
    ],
    [
      'permit (principal == Service::"bot", action in [Action::"exec", Action::"extend"], resource in Environment::"test");',
      'bot may run commands and extend grants on targets in the environment test.',
    ],
    [
      'forbid (principal is Agent, action == Action::"autoApprove", resource is Target in Segment::"prod");',
      'No agent may get any task at once on targets in prod.',
    ],
    [
      '@maxDuration("90m") @approvals("1 of Group::\\"a\\"; 2 of Group::\\"b\\"") @stepUp("passkey") @mask("pii, secrets") @expires("2027-01-31T18:00:00Z") permit (principal, action in [Action::"request", Action::"autoApprove"], resource);',
      'Anyone may get any task at once on any target for up to 1 h 30 min, with 1 approval from a and then 2 approvals from b where it is not at once, after a passkey, with pii and secrets masked, until 2027-01-31T18:00Z.',
    ],
    [
      'permit (principal is Person, action == Action::"audit", resource) when { context.sourceIp.isLoopback() };',
      'Any person may audit Sallyport, if the source address is loopback.',
    ],
    [
      connecting('when { context.task in Task::"read" }'),
      'Anyone may open sessions for read (or a part of it) on any target.',
    ],
    [
      connecting('when { [Task::"a", Task::"b"].contains(context.task) }'),
      'Anyone may open sessions for a or b on any target.',
    ],
    [
      connecting('when { context.task == Task::"a" || context.task == Task::"b" || context has ticket }'),
      'Anyone may open sessions on any target, if the task is a or b or a ticket is given.',
    ],
    [
      connecting('when { principal.onCall } unless { context has ticket }').replace(
        'principal,',
        'principal is Person,',
      ),
      'Any person may open sessions on any target, if they are on call, unless a ticket is given.',
    ],
  ];
  for (const [policy, sentence] of scopes) test(sentence, () => assert.equal(said(policy), sentence));

  const conditions: [cedar: string, words: string][] = [
    ['context.duration < duration("1h30m")', 'the duration is less than 1 h 30 min'],
    ['duration("1h") >= context.duration', 'the duration is at most 1 h'],
    ['!(context.duration > duration("1d1h1m1s"))', 'the duration is at most 90,061 s'],
    ['context.duration == duration("1h")', 'the duration is exactly 1 h'],
    ['context.localTime < duration("8h30m")', 'the local time is before 08:30'],
    ['!(context.localTime < duration("8h30m"))', 'the local time is 08:30 or later'],
    ['context.dayOfWeek == Day::"mon"', 'the day is Monday'],
    ['!(context.dayOfWeek in [Day::"sat", Day::"sun"])', 'the day is neither Saturday nor Sunday'],
    ['context.now < datetime("2027-01-31T18:00:00Z")', 'the time is before 2027-01-31T18:00:00Z'],
    [
      'context has mfaAge && context.mfaAge <= duration("10m")',
      'there was a strong sign-in and their last strong sign-in was at most 10 min ago',
    ],
    ['!(context has mfaAge)', 'there was no strong sign-in'],
    ['context has ticket && context.ticket like "OPS-*"', 'a ticket is given and the ticket matches "OPS-*"'],
    [
      'context has ticket && context.ticket like "a\\*b"',
      'a ticket is given and the ticket matches "a\\\\*b"',
    ],
    ['!(context has purpose)', 'a reason is not given'],
    [
      'context.sourceIp.isInRange(ip("10.0.0.0/8")) || context.sourceIp.isLoopback()',
      'the source address is either in 10.0.0.0/8 or loopback',
    ],
    ['!context.sourceIp.isInRange(ip("10.0.0.0/8"))', 'the source address is not in 10.0.0.0/8'],
    ['context.sourceIp == ip("10.0.0.1")', 'the source address is 10.0.0.1'],
    ['context.sourceIp.isIpv6()', 'the source address is IPv6'],
    ['principal.accountType == "contractor"', 'their account type is "contractor"'],
    ['["a", "b"].contains(principal.accountType)', 'their account type is either "a" or "b"'],
    ['principal in Group::"dba"', 'they are in dba'],
    ['principal in [Group::"a", Group::"b"]', 'they are either in a or in b'],
    ['principal == Person::"ada"', 'they are ada'],
    ['principal is Person', 'the principal is a person'],
    ['principal has sponsorId', 'they have a sponsor'],
    ['!(principal has sponsorId)', 'they have no sponsor'],
    ['resource in Segment::"prod/eu"', 'the target is in prod/eu'],
    ['resource in Environment::"test"', 'the target is in the environment test'],
    ['resource == Target::"db"', 'the target is db'],
    ['resource.kind != "postgres"', 'the target’s kind is not "postgres"'],
    ['resource.sensitivity == Sensitivity::"high"', 'the target’s sensitivity is high'],
    [
      'resource has owner && resource.owner == "team-a"',
      'the target has an owner and the target’s owner is "team-a"',
    ],
    ['context.task != Task::"read"', 'the task is not read'],
    ['action == Action::"connect" || principal in Group::"a"', '(the action is connect or they are in a)'],
    [
      '(principal in Group::"a" && context has ticket) || principal in Group::"b"',
      '((they are in a and a ticket is given) or they are in b)',
    ],
  ];
  for (const [cedar, words] of conditions) {
    test(words, () => {
      const text = said(connecting(`when { ${cedar} }`));
      const bare = words.replace(/^\((.*)\)$/, '$1');
      assert.equal(text, `Anyone may open sessions on any target, if ${bare}.`);
    });
  }

  const requester: [cedar: string, words: string][] = [
    [
      'context.requester has managerId && context.requester.managerId == principal.id',
      'the requester has a manager and they are the requester’s manager',
    ],
    ['!(context.requester.id == principal.id)', 'they are not the requester'],
    ['context.requester.groups.contains(Group::"a")', 'the requester is in a'],
    [
      'context.requester.groups.containsAny([Group::"a", Group::"b"])',
      'the requester is either in a or in b',
    ],
    ['context.requester.kind == "agent"', 'the requester’s kind is "agent"'],
    ['!context.requester.onCall', 'the requester is not on call'],
  ];
  for (const [cedar, words] of requester) {
    test(words, () => {
      const policy = `permit (principal, action == Action::"approve", resource) when { ${cedar} };`;
      assert.equal(said(policy), `Anyone may decide on requests on any target, if ${words}.`);
    });
  }

  test('what is too unusual is shown as it is written, between what is not', () => {
    assert.equal(
      said(
        connecting(
          'when { context has ticket && (if principal.accountType == "a  b" then true else false) } unless { context.sourceIp.isLoopback() || context.now.toTime() > duration("8h") }',
        ),
      ),
      'Anyone may open sessions on any target, if a ticket is given and the Cedar condition `if principal.accountType == "a  b" then true else false` holds, unless the source address is loopback or the Cedar condition `context.now.toTime() > duration("8h")` holds.',
    );
  });
});

// Conditions that are true or false by themselves, in words and not, to be put together at random.
const ATOMS = [
  'context.duration <= duration("1h")',
  'context.duration > duration("2h")',
  'context.localTime >= duration("8h")',
  'context.localTime < duration("18h")',
  'context.dayOfWeek in [Day::"sat", Day::"sun"]',
  'context.sourceIp.isLoopback()',
  'context.sourceIp.isInRange(ip("10.0.0.0/8"))',
  'context.sourceIp.isInRange(ip("fc00::/7"))',
  'context.task == Task::"read-orders"',
  'context.task in Task::"fix-orders"',
  'context has ticket',
  'context has purpose && context.purpose like "*x*"',
  'principal.accountType == "contractor"',
  'principal in Group::"a"',
  'principal in Group::"b"',
  'principal == Person::"ada"',
  'resource in Segment::"prod/eu"',
  'resource.kind == "postgres"',
  'resource.sensitivity == Sensitivity::"high"',
  'context.now < datetime("2027-01-01T00:00:00Z")',
  '(if principal.accountType == "a" then context.sourceIp.isLoopback() else false)',
  'context.now.toTime() > duration("3h")',
  'context.duration > context.localTime',
  'principal.accountType == resource.kind',
  '["a", "b"].containsAll([principal.accountType])',
];
const expression = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom(...ATOMS),
    fc.tuple(tie('node'), fc.constantFrom('&&', '||'), tie('node')).map(([a, op, b]) => `(${a} ${op} ${b})`),
    tie('node').map((node) => `!(${node})`),
  ),
})).node;
const clauses = fc.array(fc.tuple(fc.constantFrom('when', 'unless'), expression), {
  minLength: 1,
  maxLength: 3,
});

test('how long recordings are kept is said in words', () => {
  const said = (value: string) =>
    rulesOf({
      'a.cedar': `@keepRecording("${value}") permit (principal, action == Action::"connect", resource);`,
    }).map((rule) => sentenceOf(rule).text)[0];
  assert.equal(said('365d'), 'Anyone may open sessions on any target, with recordings kept for 365d.');
  assert.equal(said('forever'), 'Anyone may open sessions on any target, with recordings kept for ever.');
});

test('an obligation that has no words yet is shown as it is written', () => {
  const [rule] = rulesOf({
    'a.cedar': '@approvals("1 of manager") permit (principal, action == Action::"request", resource);',
  });
  assert.ok(rule !== undefined);
  const annotations = { ...rule.json.annotations, quiet: 'for "10m"' };
  assert.equal(
    sentenceOf({ ...rule, json: { ...rule.json, annotations } }).text,
    'Anyone may ask for any task on any target, with 1 approval from their manager, `@quiet("for \\"10m\\"")`.',
  );
  const approvals = [{ count: 1, from: 'on-call' }];
  const notes = { ...rule.notes, obligations: { ...rule.notes.obligations, approvals } };
  assert.equal(
    sentenceOf({ ...rule, notes }).text,
    'Anyone may ask for any task on any target, `@approvals("1 of manager")`.',
  );
});

test('what is said together cannot be read another way', () => {
  for (const [condition, words] of [
    [
      'context.dayOfWeek in [Day::"sat", Day::"sun"] && context.dayOfWeek in [Day::"sun", Day::"mon"]',
      'the day is either Saturday or Sunday and the day is either Sunday or Monday',
    ],
    [
      '!(context.dayOfWeek in [Day::"sat", Day::"sun"]) && !(context.dayOfWeek == Day::"mon")',
      'the day is neither Saturday nor Sunday and the day is not Monday',
    ],
    [
      '(context has ticket || context has purpose) && context.sourceIp.isLoopback()',
      '(a ticket is given or a reason is given) and the source address is loopback',
    ],
    [
      'context has ticket || (context has purpose && context.sourceIp.isLoopback())',
      'a ticket is given or (a reason is given and the source address is loopback)',
    ],
  ] as const)
    assert.equal(
      said(connecting(`when { ${condition} }`)),
      `Anyone may open sessions on any target, if ${words}.`,
    );
});

test('no condition is ever left out: each is in words or shown as Cedar, and without it the sentence is another', () => {
  let inWords = 0;
  let inCedar = 0;
  const check = (rule: Rule) => {
    const sentence = sentenceOf(rule);
    assert.equal(sentence.conditions.length, rule.conjuncts.length, rule.id);
    for (const { words, cedar } of sentence.conditions) {
      if (words === null) {
        assert.ok(
          sentence.parts.some((part) => part.cedar && part.text === cedar),
          sentence.text,
        );
        inCedar++;
      } else inWords++;
    }
    // A clause of its own for each, so that one can be left out.
    const conditions = rule.conjuncts.map((body) => ({ kind: 'when' as const, body }));
    const like = (kept: typeof conditions): string =>
      sentenceOf({ ...rule, json: { ...rule.json, conditions: kept } }).text;
    const whole = like(conditions);
    for (const left of conditions.keys())
      assert.notEqual(like(conditions.filter((_, index) => index !== left)), whole, `${left} of ${whole}`);
  };
  fc.assert(
    fc.property(fc.array(clauses, { minLength: 12, maxLength: 12 }), (many) => {
      const text = many
        .map((all) => connecting(all.map(([kind, body]) => `${kind} { ${body} }`).join(' ')))
        .join('\n');
      // Cedar refuses what can never hold; the others are as good a sample.
      let rules: readonly Rule[];
      try {
        rules = rulesOf({ 'a.cedar': text });
      } catch {
        return;
      }
      for (const rule of rules) check(rule);
    }),
    { numRuns: 40 },
  );
  assert.ok(inWords > 300 && inCedar > 60, `${inWords} in words, ${inCedar} in Cedar`);
});

test('different conditions have different words, and the opposite of each is told apart from it', () => {
  const texts = ATOMS.flatMap((atom) => [atom, `!(${atom})`]).map((atom) =>
    said(connecting(`when { ${atom} }`)),
  );
  assert.equal(new Set(texts).size, texts.length);
});
