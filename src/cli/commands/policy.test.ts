// `sally policy`, as who changes policy and who signs it meet it on the command line.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  aRequest,
  checked,
  createSally,
  type FixtureServer,
  problemAnswer,
  REQUEST_ID,
  type Sally,
  startFixtureServer,
  TOKEN,
} from '../../../test/harness/cli.ts';
import { changeAnswer, type Proposal } from '../../api/policy-changes.ts';
import { proposalDetail } from '../../api/policy-plan.ts';
import { type Outcome, preview, submitted } from '../../api/requests.ts';

let server: FixtureServer;
let sally: Sally;
before(async () => {
  server = await startFixtureServer();
  sally = createSally({ SALLY_SERVER: server.url, SALLY_TOKEN: TOKEN });
});
after(async () => {
  sally.remove();
  await server.close();
});

const NOW = '2026-11-02T12:00:00.000Z';

function explain(outcome: Outcome) {
  return checked(preview, {
    decision: { ...aRequest().decision, outcome },
    longestSeconds: 3600,
    enough: ['one of Group::"dba"'],
    limits: [],
  });
}

test('policy explain: for a target, and for a request as it was asked', async () => {
  server.on('POST /api/policy/explain', () => explain('deny'));
  server.on('GET /api/requests/:id', () => checked(submitted, { request: aRequest(), grant: null }));
  const ended = await sally.run([
    'policy',
    'explain',
    'orders-db',
    '--task',
    'fix-orders',
    '--for',
    '2h',
    '--principal',
    'engineer',
  ]);
  assert.equal(ended.code, 0);
  assert.match(ended.stdout, /deny/);
  assert.match(ended.stdout, /Policy allows at most 1h/);
  assert.match(ended.stdout, /Would be enough: one of Group/);
  assert.deepEqual(server.calls.at(-1)?.body, {
    target: 'orders-db',
    task: 'fix-orders',
    duration: '2h',
    principal: 'engineer',
  });
  assert.equal((await sally.run(['policy', 'explain', REQUEST_ID, '--json'])).code, 0);
  assert.deepEqual(server.calls.at(-1)?.body, {
    principal: 'engineer',
    sourceAddress: '127.0.0.1',
    target: 'orders-db',
    task: 'fix-orders',
    duration: '1h',
  });
});

test('policy test decides by the files beside it, without a server, and tells what differs', async () => {
  const folder = join(sally.home, 'candidate');
  mkdirSync(folder);
  writeFileSync(
    join(folder, 'orders.cedar'),
    `@id("fix") @description("Fixing takes two.") @keepRecording("365d") @approvals("2 of Group::\\"dba\\"") @maxDuration("2h")
     permit (principal in Group::"engineering", action == Action::"request", resource in Segment::"prod")
     when { context.localTime < duration("18h") };
     @id("use") permit (principal in Group::"engineering", action == Action::"connect", resource in Segment::"prod");`,
  );
  const file = (cases: string) =>
    writeFileSync(
      join(folder, 'tests.yaml'),
      `principals: {ada: {groups: [engineering]}}\ntargets: {db: {segment: prod/eu, timeZone: Europe/Berlin}}\ncases:\n${cases}`,
    );
  const day = 'principal: ada, target: db, task: fix, at: 2026-11-02T12:00:00Z';
  file(`  - {${day}, expect: needs-approval, approvals: ['2 of Group::"dba"'], maxDuration: 120m, keepRecording: 8760h}
  - {${day}, duration: 3h, expect: deny}
  - {principal: ada, target: db, task: fix, at: 2026-11-02T17:30:00Z, expect: deny}
  - {principal: {groups: [other]}, target: {segment: prod}, task: fix, expect: deny}
  - {${day}, action: connect, expect: allow, keepRecording: default}
`);
  const before = server.calls.length;
  const good = await sally.run(['policy', 'test', 'candidate']);
  assert.equal(good.code, 0, good.stdout + good.stderr);
  assert.match(good.stdout, /5 of 5 cases are as expected/);
  assert.equal(server.calls.length, before, 'nobody was asked');
  file(`  - {name: one is enough, ${day}, expect: needs-approval, approvals: ['1 of Group::"dba"']}\n`);
  const bad = await sally.run(['policy', 'test', 'candidate']);
  assert.equal(bad.code, 1);
  assert.match(
    bad.stdout,
    /fail {2}one is enough\n\s+approvals: expected 1 of Group::"dba", policy says 2 of Group::"dba"\n\s+orders\/fix: Fixing/,
  );
  file(`  - {${day}, expect: needs-approval, keepRecording: forever}\n`);
  const kept = await sally.run(['policy', 'test', 'candidate']);
  assert.match(kept.stdout, /keepRecording: expected forever, policy says 365d/);
  file(`  - {${day}, expect: allow, aprovals: []}\n`);
  assert.match((await sally.run(['policy', 'test', 'candidate'])).stderr, /cases\.0: Unrecognized key/);
  writeFileSync(join(folder, 'orders.cedar'), 'permit (');
  assert.equal((await sally.run(['policy', 'test', 'candidate'])).code, 2);
});

test('policy fmt writes what Cedar writes, keeps comments, and with --check writes nothing', async () => {
  const folder = join(sally.home, 'fmt');
  mkdirSync(folder);
  const file = join(folder, 'a.cedar');
  const text = '// why\n@id("a") permit(principal,action==Action::"connect",resource);';
  writeFileSync(file, text);
  assert.equal((await sally.run(['policy', 'fmt', 'fmt', '--check'])).code, 1);
  assert.equal(readFileSync(file, 'utf8'), text);
  assert.equal((await sally.run(['policy', 'fmt', 'fmt'])).code, 0);
  assert.match(
    readFileSync(file, 'utf8'),
    /^\/\/ why\n@id\("a"\)\npermit \(\s*principal,\s*action == Action::"connect",\s*resource\s*\);\n$/,
  );
  assert.equal((await sally.run(['policy', 'fmt', 'fmt', '--check'])).code, 0);
});

test('policy test: what the file only names is asked of the server; 0 when every case is as expected, 1 and which one otherwise', async () => {
  server.on('POST /api/policy/explain', (call) =>
    explain(JSON.stringify(call.body).includes('fix-orders') ? 'needs-approval' : 'allow'),
  );
  const folder = join(sally.home, 'policies');
  mkdirSync(folder);
  const cases =
    'cases:\n  - {target: orders-db, task: read-orders, expect: allow}\n  - {name: fixing, target: orders-db, task: fix-orders, expect: needs-approval}\n';
  writeFileSync(join(folder, 'tests.yaml'), cases);
  writeFileSync(join(folder, 'a.cedar'), '// nothing');
  assert.equal((await sally.run(['policy', 'test', 'policies'])).code, 0);
  writeFileSync(join(folder, 'tests.yaml'), cases.replace('expect: needs-approval', 'expect: allow'));
  const failed = await sally.run(['policy', 'test', 'policies', '--json']);
  assert.equal(failed.code, 1);
  assert.partialDeepStrictEqual(JSON.parse(failed.stdout).cases[1], {
    name: 'fixing',
    expected: 'allow',
    outcome: 'needs-approval',
    ok: false,
  });
  assert.partialDeepStrictEqual(server.calls.at(-1)?.body, { files: { 'a.cedar': '// nothing' } });
  writeFileSync(join(folder, 'tests.yaml'), 'cases: []');
  assert.equal((await sally.run(['policy', 'test', 'policies'])).code, 2);
});

test('policy apply sends the whole folder, tells what changes, and passes on what is wrong with it', async () => {
  const folder = join(sally.home, 'apply');
  mkdirSync(folder);
  writeFileSync(join(folder, 'a.cedar'), 'permit(principal, action, resource);');
  writeFileSync(join(folder, 'notes.md'), 'no policy');
  server.on('GET /api/policy', () => ({
    body: { digest: 'old', files: { 'a.cedar': 'x', 'gone.cedar': 'y' } },
  }));
  mkdirSync(join(folder, 'packs', 'prod', 'eu'), { recursive: true });
  writeFileSync(join(folder, 'packs', 'prod', 'eu', 'more.cedar'), '// more');
  const caution = 'Nobody is in the group "dba", and orders/1 asks for its approval.';
  const told = { proposal: aProposal(), inForce: false, warning: null, cautions: [caution] };
  server.on('POST /api/policy/proposals', () => checked(changeAnswer, told));
  const ended = await sally.run(['policy', 'apply', 'apply', '--json']);
  assert.equal(ended.code, 0, ended.stderr);
  const changes = [
    { file: 'a.cedar', what: 'changed' },
    { file: 'gone.cedar', what: 'removed' },
    { file: 'packs/prod/eu/more.cedar', what: 'added' },
  ];
  assert.deepEqual(JSON.parse(ended.stdout), { digest: DIGEST, changes, ...told });
  assert.deepEqual(server.calls.at(-1)?.body, {
    files: { 'a.cedar': 'permit(principal, action, resource);', 'packs/prod/eu/more.cedar': '// more' },
    baseDigest: 'old',
    comment: 'a.cedar changed, gone.cedar removed, packs/prod/eu/more.cedar added',
    liveGrants: 'end',
  });
  const plain = await sally.run(['policy', 'apply', 'apply', '--let-run-out', '--comment', 'why']);
  assert.match(plain.stdout, /Caution: Nobody is in the group "dba"/);
  assert.match(plain.stdout, new RegExp(`Somebody else has to sign it: approver.*sign ${PROPOSAL_ID}`, 's'));
  assert.partialDeepStrictEqual(server.calls.at(-1)?.body, { comment: 'why', liveGrants: 'run-out' });
  server.on('POST /api/policy/proposals', () =>
    problemAnswer(422, 'policy-invalid', 'a.cedar line 1: unexpected token.'),
  );
  const bad = await sally.run(['policy', 'apply', 'apply']);
  assert.equal(bad.code, 2);
  assert.match(bad.stderr, /a\.cedar line 1/);
  assert.equal((await sally.run(['policy', 'apply', 'nowhere'])).code, 2);
  assert.match((await sally.run(['policy', 'show', 'a.cedar'])).stdout, /^x\n$/);
});

const DIGEST = 'd'.repeat(64);
const PROPOSAL_ID = 'prp_01jd2q0v6w8x9y0z1a2b3c4d5e';

function aProposal(change: Partial<Proposal> = {}): Proposal {
  const by = aRequest().requester;
  return {
    id: PROPOSAL_ID,
    state: 'open',
    digest: DIGEST,
    baseDigest: 'b'.repeat(64),
    comment: 'why',
    liveGrants: 'end',
    pack: null,
    rollback: false,
    proposedBy: by,
    proposedAt: NOW,
    expiresAt: NOW,
    decidedBy: null,
    decidedAt: null,
    reason: null,
    changes: [{ file: 'a.cedar', what: 'changed' }],
    signatures: [{ by, role: 'proposed', digest: DIGEST, sole: false, at: NOW }],
    signers: [{ ...by, name: 'approver' }],
    soleSigner: false,
    maySign: false,
    mayNot: 'Nobody signs their own change.',
    mayWithdraw: true,
    ...change,
  };
}

test('policy apply by the only one signs it too, with --yes alone, and says so', async () => {
  const folder = join(sally.home, 'alone');
  mkdirSync(folder);
  writeFileSync(join(folder, 'a.cedar'), '// new');
  const sole = aProposal({ soleSigner: true, maySign: true, mayNot: null, signers: [] });
  server.on('GET /api/policy', () => ({ body: { digest: 'old', files: {} } }));
  server.on('POST /api/policy/proposals', () =>
    checked(changeAnswer, { proposal: sole, inForce: false, warning: null }),
  );
  server.on('POST /api/policy/proposals/:id/sign', () =>
    checked(changeAnswer, {
      proposal: { ...sole, state: 'published' },
      inForce: true,
      warning: 'ONE PERSON ALONE put this in force.',
    }),
  );
  const asked = await sally.run(['policy', 'apply', 'alone']);
  assert.match(asked.stdout, /your own signature is enough/);
  assert.equal(server.calls.at(-1)?.path, '/api/policy/proposals');
  const done = await sally.run(['policy', 'apply', 'alone', '--yes']);
  assert.match(done.stdout, /In force: d+\nONE PERSON ALONE/);
  assert.deepEqual(server.calls.at(-1)?.body, { digest: DIGEST });
});

test('policy sign wants the digest of what was looked at, refuse a reason', async () => {
  const detail = {
    ...aProposal(),
    files: [{ file: 'a.cedar', before: 'x\n', after: 'y\n' }],
    inForce: DIGEST,
    plan: null,
    planning: null,
  };
  server.on('GET /api/policy/proposals/:id', () => checked(proposalDetail, detail));
  server.on('POST /api/policy/proposals/:id/refuse', () =>
    checked(changeAnswer, { proposal: aProposal({ state: 'refused' }), inForce: false, warning: null }),
  );
  const shown = await sally.run(['policy', 'changes', PROPOSAL_ID]);
  assert.match(shown.stdout, /- x\n\+ y/);
  assert.equal((await sally.run(['policy', 'sign', PROPOSAL_ID])).code, 2);
  assert.equal((await sally.run(['policy', 'sign', PROPOSAL_ID, '--digest', DIGEST])).code, 0);
  assert.deepEqual(server.calls.at(-1)?.body, { digest: DIGEST });
  assert.equal((await sally.run(['policy', 'refuse', PROPOSAL_ID])).code, 2);
  assert.equal((await sally.run(['policy', 'refuse', PROPOSAL_ID, '--reason', 'no'])).code, 0);
});
