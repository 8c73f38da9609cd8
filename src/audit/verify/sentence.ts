// One readable sentence for an entry, made from the leaf alone, so that portal, CLI and evidence say the same and
// need nothing else. What a leaf does not hold is left out; a kind that is not listed gets a plain sentence.
// Texts of people and targets stand in it: control characters are made visible, long ones are clipped.

import { describeDuration } from '../../base/duration.ts';
import type { Leaf } from './leaf.ts';

const LONGEST_TEXT = 200;
const LONGEST_SENTENCE = 1_000;

type Say = (leaf: Leaf, who: string) => string;

const SENTENCES: Readonly<Record<string, Say>> = {
  'request.submitted': (leaf, who) =>
    `${who} asked for ${askedFor(leaf)}${spell(leaf, ' for ', 'durationSeconds')}${quoted(leaf, ': ', 'reason')}${answer(leaf)}.`,
  'request.approved': (leaf, who) =>
    `${who} approved the request${spell(leaf, ' for ', 'durationSeconds')}${quoted(leaf, ': ', 'reason')}.`,
  'request.denied': (leaf, who) => `${who} denied the request${quoted(leaf, ': ', 'reason')}.`,
  'approval.refused': (leaf, who) =>
    `${who} tried to ${leaf.detail.verdict === 'deny' ? 'deny' : 'approve'} ${'statement' in leaf.detail ? 'one statement' : 'the request'} and was refused${words(leaf, ': ', 'code')}${from(leaf)}.`,
  'request.cancelled': (leaf, who) =>
    `${who} cancelled the request${'killId' in leaf.detail ? ' by a kill switch' : ''}${quoted(leaf, ': ', 'reason')}.`,
  'request.expired': () => 'The request expired before it was decided.',
  'request.decided': (leaf) =>
    `The request was decided${words(leaf, ': ', 'state')}${words(leaf, ', by policy: ', 'outcome')}.`,
  'grant.intended': (leaf) =>
    `A grant of ${taskOn(leaf)} was prepared${words(leaf, ' with the login ', 'login')}${spell(leaf, ', for ', 'durationSeconds')}.`,
  'grant.made': (leaf) =>
    `The login${words(leaf, ' ', 'login')} is on its target and waits for the others of its request.`,
  'grant.active': (leaf) =>
    `The grant${words(leaf, ' with the login ', 'login')} became active${spell(leaf, ' for ', 'durationSeconds')}.`,
  'grant.claimed': (leaf, who) =>
    `${who} connected for the first time, which started the clock of the grant${spell(leaf, ': ', 'durationSeconds')}${words(leaf, ', until ', 'expiresAt')}.`,
  'grant.extended': (leaf, who) =>
    `${who} extended the grant${spell(leaf, ' by ', 'addedSeconds')}${words(leaf, ', until ', 'expiresAt')}${quoted(leaf, ': ', 'reason')}.`,
  'grant.ending': (leaf, who) =>
    leaf.actor.kind === 'system'
      ? `The grant is being taken away${words(leaf, ': ', 'reason')}.`
      : `${who} ended the grant${words(leaf, ' (', 'reason', ')')}${quoted(leaf, ': ', 'note')}.`,
  'grant.inert': (leaf) =>
    `The grant is over on the target${words(leaf, ': the login ', 'login', ' can do nothing any more')}${sessionsEnded(leaf)}; it is still to be removed.`,
  'grant.revoked': (leaf) =>
    `The target confirmed that the grant is gone${words(leaf, ': the login ', 'login', ' is absent')}${sessionsEnded(leaf)}.`,
  'grant.overdue': (leaf) =>
    `The revocation is overdue${words(leaf, ' for the login ', 'login')}${words(leaf, ' after ', 'attempts', ' attempts')}${quoted(leaf, ': ', 'lastError')}.`,
  'grant.orphan-removed': () => 'An identity on the target that belonged to no grant was removed.',
  'grant.account-vanished': (leaf) =>
    `The login${words(leaf, ' ', 'login')} of an active grant was gone from the target: somebody else removed it.`,
  'target.changed': (leaf, who) => `${who} changed the settings of the target${words(leaf, ' ', 'target')}.`,
  'target.credential-changed': (leaf, who) =>
    `${who} gave the target${words(leaf, ' ', 'target')} another credential${words(leaf, ', for the administrator ', 'adminUser')}.`,
  'grant.altered': (leaf) =>
    `Somebody changed the identity of an active grant on its target${words(leaf, ': ', 'what')}${leaf.detail.ended === true ? ' The grant was ended' : ''}`.replace(
      /([^.])$/,
      '$1.',
    ),
  'grant.late-session-ended': (leaf) =>
    `A session that had outlived its grant was ended${words(leaf, ' (', 'ended', ')')}.`,
  'break-glass.used': (leaf, who) =>
    `${who} ${leaf.detail.drill === true ? 'broke the glass in a drill' : 'BROKE THE GLASS'}: ${taskOn(leaf)}${spell(leaf, ' for ', 'durationSeconds')}${quoted(leaf, ': ', 'reason')}.`,
  'break-glass.refused': (leaf, who) =>
    `${who} tried to break the glass for ${taskOn(leaf)} and was refused${from(leaf)}.`,
  'review.opened': (leaf) =>
    `The review of ${leaf.detail.drill === true ? 'a break-glass drill' : 'a break-glass'}${on(leaf)}${words(leaf, ' in ', 'segment')} was opened${words(leaf, ', due ', 'dueAt')}${words(leaf, '; told: ', 'told')}.`,
  'review.overdue': (leaf) => `The review of a break-glass${on(leaf)} is overdue.`,
  'review.decided': (leaf, who) =>
    `${who} reviewed a break-glass${words(leaf, ': ', 'verdict')}${quoted(leaf, ', ', 'comment')}.`,
  'kit.made': (leaf, who) =>
    `${who} had an emergency kit made${words(leaf, ' of ', 'segment')}${words(leaf, ' for ', 'task')}${words(leaf, ', quorum ', 'quorum')}.`,
  'kit.login-made': (leaf) =>
    `The dormant login${words(leaf, ' ', 'login')} of an emergency kit was made${on(leaf)}.`,
  'kit.ready': (leaf) =>
    `The emergency kit${words(leaf, ' of ', 'segment')} was sealed${words(leaf, ', generation ', 'generation')}.`,
  'kit.file-taken': (leaf, who) =>
    `${who} took the sealed file of the emergency kit${words(leaf, ' of ', 'segment')}${words(leaf, ', generation ', 'generation')}.`,
  'kit.share-taken': (leaf, who) =>
    `${who} took their share of the emergency kit${words(leaf, ' of ', 'segment')}${words(leaf, ', generation ', 'generation')}.`,
  'kit.check-asked': (leaf, who) => `${who} had the emergency kit${words(leaf, ' of ', 'segment')} checked.`,
  'kit.checked': (leaf) =>
    `The emergency kit${words(leaf, ' of ', 'segment')} was checked${several(leaf, ': ', 'problems', ' problems')}.`,
  'kit.opened': (leaf, who) =>
    `The emergency kit${words(leaf, ' of ', 'segment')} WAS OPENED${on(leaf)} by ${who} (as given)${words(leaf, ', at ', 'openedAt')}${words(leaf, ' (', 'act', ')')}${quoted(leaf, ': ', 'reason')}.`,
  'kit.rotated': (leaf, who) =>
    `${who} rotated the emergency kit${words(leaf, ' of ', 'segment')}${words(leaf, ' to generation ', 'generation')}${words(leaf, ': ', 'why')}.`,
  'kit.login-inert': (leaf) =>
    `The login${words(leaf, ' ', 'login')} of an emergency kit can do nothing any more${on(leaf)}${sessionsEnded(leaf)}; it is still to be removed.`,
  'kit.login-removed': (leaf) =>
    `The login${words(leaf, ' ', 'login')} of an emergency kit is absent${on(leaf)}${sessionsEnded(leaf)}.`,
  'kit.retired': (leaf, who) => `${who} retired the emergency kit${words(leaf, ' of ', 'segment')}.`,
  'drill.scheduled': (leaf, who) =>
    `${who} scheduled a break-glass drill${words(leaf, ' for ', 'principal')}${on(leaf)}${words(leaf, ' in ', 'segment')}${words(leaf, ', at ', 'at')}.`,
  'drill.cancelled': (_, who) => `${who} cancelled a break-glass drill.`,
  'drill.ordered': (leaf) => `A break-glass drill${on(leaf)}${words(leaf, ' in ', 'segment')} was ordered.`,
  'drill.missed': (leaf) =>
    `A break-glass drill${words(leaf, ' in ', 'segment')} was missed: nobody did it in time.`,
  'kill.set': (leaf, who) =>
    `${who} pressed the kill switch for ${scopeOf(leaf)}${quoted(leaf, ': ', 'reason')}${from(leaf)}.`,
  'kill.lifted': (leaf, who) =>
    `${who} lifted the kill switch for ${scopeOf(leaf)}${quoted(leaf, ': ', 'reason')}${from(leaf)}.`,
  'credential.issued': (leaf, who) => `${who} took a credential${words(leaf, ', number ', 'number')}.`,
  'certificate.issued': (leaf, who) =>
    `${leaf.detail.holder === 'gateway' ? `The gateway made itself a certificate for a session of ${who}` : `${who} took a certificate`}${on(leaf)}${words(leaf, ' as ', 'user')}${words(leaf, ', serial ', 'serial')}${words(leaf, ', for the key ', 'key')}${words(leaf, ', until ', 'validUntil')}${from(leaf)}.`,
  'session.opened': (leaf, who) =>
    `${who} opened a session${on(leaf)}${words(leaf, ', database ', 'database')}${words(leaf, ', with ', 'application')}${from(leaf)}.`,
  'session.ended': (leaf, who) =>
    `The session${leaf.actor.kind === 'system' ? '' : ` of ${who}`} ended${words(leaf, ': ', 'reason')}${afterStatements(leaf)}.`,
  'session.ending': (leaf, who) =>
    leaf.actor.kind === 'system'
      ? `A session is being ended${words(leaf, ': ', 'reason')}`
      : `${who} ended a session${quoted(leaf, ': ', 'reason')}.`,
  'session.watched': (leaf, who) =>
    `${who} began to watch a session${words(leaf, ' of ', 'principal')}${on(leaf)}.`,
  'session.refused': (leaf, who) =>
    `A session of ${who} was refused${words(leaf, ': ', 'code')}${words(leaf, ', database ', 'database')}${from(leaf)}.`,
  'policy.proposed': (leaf, who) =>
    `${who} proposed a change of policy${words(leaf, ' (', 'proposalId', ')')}${words(leaf, ': ', 'digest')}${quoted(leaf, ', ', 'comment')}.`,
  'policy.signed': (leaf, who) =>
    `${who} signed ${leaf.detail.soleSigner === true ? 'THEIR OWN' : 'a'} change of policy${words(leaf, ' (', 'proposalId', ')')}${words(leaf, ': ', 'digest')}${alone(leaf)}.`,
  'policy.refused': (leaf, who) =>
    `${who} refused a change of policy${words(leaf, ' (', 'proposalId', ')')}${quoted(leaf, ': ', 'reason')}.`,
  'policy.withdrawn': (leaf, who) =>
    `${who} withdrew a change of policy${words(leaf, ' (', 'proposalId', ')')}.`,
  'policy.expired': (leaf) =>
    `A change of policy${words(leaf, ' (', 'proposalId', ')')} expired before a second person signed it.`,
  'policy.outdated': (leaf) =>
    `A change of policy${words(leaf, ' (', 'proposalId', ')')} is out of date: other policies came into force.`,
  'policy.published': (leaf, who) =>
    `${who} put a policy in force${words(leaf, ': ', 'digest')}${alone(leaf)}.`,
  'segment.owned': (leaf, who) =>
    `${who} made ${words(leaf, '', 'owner') || 'nobody'} the owner of${words(leaf, ' ', 'segment') || ' a segment'}.`,
  'target.added': (leaf, who) =>
    `${who} added the target${words(leaf, ' ', 'target')}${words(leaf, ' in ', 'segment')}.`,
  'target.removed': (leaf, who) =>
    `${who} removed the target${words(leaf, ' ', 'target')}${words(leaf, ' from ', 'segment')}${quoted(leaf, ': ', 'reason')}.`,
  'target.checked': (leaf, who) =>
    `${who} checked the target${words(leaf, ' ', 'target')}${leaf.detail.ok === false ? ': something is wrong' : ''}.`,
  'task.added': (leaf, who) =>
    `${who} added the task${words(leaf, ' ', 'task')}${words(leaf, ', version ', 'version')}.`,
  'principal.added': (leaf, who) => `${who} added ${principalOf(leaf)}.`,
  'principal.disabled': (leaf, who) => `${who} disabled ${principalOf(leaf)}.`,
  'principal.enabled': (leaf, who) => `${who} enabled ${principalOf(leaf)}.`,
  'principal.changed': (leaf, who) =>
    `${who} changed ${principalOf(leaf)}${listed(leaf, ': ', 'changes')}${words(leaf, ' Proposed by ', 'proposedBy', '.')}${alone(leaf)}`,
  'principal.change-proposed': (leaf, who) =>
    `${who} proposed a change of ${principalOf(leaf)}${listed(leaf, ': ', 'changes')} It waits for a second person.`,
  'principal.change-refused': (leaf, who) =>
    `${who} refused a change of ${principalOf(leaf)}${quoted(leaf, ': ', 'reason')}.`,
  'principal.change-withdrawn': (leaf, who) =>
    `${who} took back a change of ${principalOf(leaf)}${quoted(leaf, ': ', 'reason')}.`,
  'group.added': (leaf, who) => `${who} made the group${words(leaf, ' ', 'group')}.`,
  'group.deleted': (leaf, who) =>
    `${who} deleted the group${words(leaf, ' ', 'group')}${words(leaf, ', with ', 'count', ' members')}.`,
  'directory.user-changed': (leaf, who) =>
    `${who} changed ${principalOf(leaf)}${words(leaf, ', before called ', 'nameBefore')}.`,
  'directory.user-deleted': (leaf, who) => `${who} deleted ${principalOf(leaf)}.`,
  'directory.group-changed': (leaf, who) =>
    `${who} ${leaf.detail.made === true ? 'made' : leaf.detail.deleted === true ? 'deleted' : 'changed'} the group${words(leaf, ' ', 'group')}${words(leaf, ', now ', 'nameNow')}${several(leaf, ': ', 'added', ' added')}${several(leaf, ', ', 'removed', ' removed')}.`,
  'statement.asked': (_, who) => `${who} wants to run a statement that needs approval.`,
  'statement.approved': (leaf, who) =>
    `${who} approved one statement${words(leaf, ' of ', 'principal')}${words(leaf, ', for ', 'onBehalfOf', ', who is away')}.`,
  'statement.denied': (leaf, who) =>
    `${who} denied one statement${words(leaf, ' of ', 'principal')}${words(leaf, ', for ', 'onBehalfOf', ', who is away')}${words(leaf, ': ', 'reason')}.`,
  'statement.run': (_, who) => `${who} ran a statement that was approved.`,
  'statement.lapsed': (leaf) =>
    `A statement that waited for approval did not run${words(leaf, ': ', 'why')}.`,
  'target.sampled': (leaf, who) =>
    `${who} had samples of${words(leaf, ' ', 'target')} looked through for personal data${words(leaf, ', database ', 'database')}.`,
  'target.labelled': (leaf, who) => `${who} labelled columns of${words(leaf, ' ', 'target')}.`,
  'segment.set': (leaf, who) =>
    `${who} set up the segment${words(leaf, ' ', 'segment')}${words(leaf, ', time zone ', 'timeZone')}${words(leaf, ', owner ', 'owner')}${words(leaf, ', sessions go on without the store for ', 'storeGraceSeconds', ' s')}.`,
  'on-call.added': (leaf, who) =>
    `${who} put ${words(leaf, '', 'principal') || 'somebody'} on call${words(leaf, ' for ', 'group')}${words(leaf, ' from ', 'from')}${words(leaf, ' until ', 'until')}.`,
  'on-call.ended': (leaf, who) =>
    `${who} ended a shift${words(leaf, ' of ', 'principal')}${words(leaf, ' on call for ', 'group')}.`,
  'delegation.added': (leaf, who) =>
    `${who} named a stand-in${words(leaf, ': ', 'standIn')}${words(leaf, ', from ', 'from')}${words(leaf, ' until ', 'until')}.`,
  'delegation.ended': (leaf, who) =>
    `${who} ended the delegation${words(leaf, ' from ', 'principal')}${words(leaf, ' to ', 'standIn')}.`,
  'token.issued': (leaf, who) =>
    `${who} issued a token${words(leaf, ' of the kind ', 'tokenKind')}${words(leaf, ', valid until ', 'expiresAt')}.`,
  'token.revoked': (_, who) => `${who} revoked a token.`,
  'token.refused': (leaf, who) =>
    `A token of ${who} was refused${words(leaf, ' (', 'why', ')')}${words(leaf, ' at ', 'route')}${from(leaf)}.`,
  'workload.exchanged': (leaf, who) =>
    `A job${words(leaf, ' of ', 'issuer')} became ${who}${words(leaf, ', until ', 'expiresAt')}${from(leaf)}.`,
  'workload.refused': (leaf) =>
    `A token of a job${words(leaf, ' of ', 'issuer')} was refused${words(leaf, ': ', 'code')}${from(leaf)}.`,
  'sign-in': (leaf, who) => `${who} signed in${from(leaf)}.`,
  'sign-in.failed': (leaf, who) =>
    `A sign-in${leaf.actor.kind === 'unknown' ? '' : ` as ${who}`} failed${words(leaf, ': ', 'code')}${words(leaf, ' (', 'why', ')')}${from(leaf)}.`,
  'identity.linked': (leaf, who) => `${who} was linked with an account at${words(leaf, ' ', 'issuer')}.`,
  'principal.followed': (leaf, who) =>
    `${who} was brought up to what the identity provider${words(leaf, ' ', 'issuer')} says.`,
  'passkey.added': (leaf, who) => `${who} registered a passkey${quoted(leaf, ': ', 'name')}.`,
  'passkey.removed': (leaf, who) => `${who} removed a passkey${quoted(leaf, ': ', 'name')}.`,
  'registration-link.issued': (leaf, who) =>
    `${who} made a link to register a passkey for ${principalOf(leaf)}.`,
  'cli-login': (leaf, who) =>
    `${who} logged the command line in${words(leaf, ' on ', 'machine')}${from(leaf)}.`,
  'device-login.allowed': (leaf, who) =>
    `${who} let the machine${words(leaf, ' ', 'machine')} log in by a code.`,
  'device-login.denied': (leaf, who) =>
    `${who} refused the machine${words(leaf, ' ', 'machine')} a login by code.`,
  'step-up': (leaf, who) => `${who} used a passkey${from(leaf)}.`,
  'system.started': (leaf) =>
    `Sallyport${words(leaf, ' ', 'version')} started${words(leaf, ' as the replica ', 'replica')}.`,
  'gateway.started': (leaf) =>
    `The gateway for ${leaf.detail.gateway === 'ssh' ? 'SSH' : 'PostgreSQL'} opened${words(leaf, ' at ', 'address')}${words(leaf, ' on the replica ', 'replica')}${words(leaf, ', with the certificate ', 'serial')}${words(leaf, ', with the host key ', 'hostKey')}${words(leaf, ', until ', 'validUntil')}.`,
  'replica.drain-asked': (leaf, who) =>
    `${who} asked the replica${words(leaf, ' ', 'replica')} to stop${quoted(leaf, ': ', 'reason')}${from(leaf)}.`,
  'replica.gone': (leaf) =>
    `The replica${words(leaf, ' ', 'replica')} has not been seen any more${words(leaf, ' since ', 'seenAt')}; others go on with its work.`,
  'recording.stored': (leaf) =>
    `The recording of a session was stored${words(leaf, ' as ', 'object')}, and read back.`,
  'recording.removed': (leaf) =>
    `The recording of a session was removed${spell(leaf, ' after ', 'keptSeconds')}: its time was over.`,
  'recording.held': (leaf, who) => `${who} holds the recording of a session${quoted(leaf, ': ', 'reason')}.`,
  'recording.released': (leaf, who) =>
    `${who} no longer holds the recording of a session${quoted(leaf, ': ', 'reason')}.`,
  'session.recording-found': () =>
    'The recording of a session was found again, with its hash, when its replica came back.',
  'log-key.announced': (leaf, who) =>
    `${who} announced the next key of the audit log${words(leaf, ': ', 'verifierKey')}.`,
  'keys.rotated': (leaf, who) => `${who} rotated ${words(leaf, '', 'key') || 'a key'}.`,
  'recovery.begun': (leaf) =>
    `This store may be restored or copied: nothing is written and no target is touched${quoted(leaf, ': ', 'found')}.`,
  'recovery.bridged': (leaf, who) =>
    `${who} let Sallyport go on after a recovery${words(leaf, ', as epoch ', 'epoch')}${quoted(leaf, ': ', 'reason')}.`,
  'system.stopped': (leaf) =>
    `Sallyport stopped${words(leaf, ', with ', 'liveGrants', ' grants still alive on their targets')}.`,
  'audit.exported': (leaf, who) => `${who} exported the audit log${words(leaf, ', ', 'size', ' entries')}.`,
};

/** The kinds that have a sentence of their own. */
export const KNOWN_KINDS: readonly string[] = Object.keys(SENTENCES);

/** One sentence, without control characters, at most 1,000 characters. Never throws. */
export function sentence(leaf: Leaf): string {
  const who = visible(leaf.actor.kind === 'system' ? 'Sallyport' : leaf.actor.name);
  const say = Object.hasOwn(SENTENCES, leaf.kind) ? SENTENCES[leaf.kind] : undefined;
  const text = say === undefined ? `${who}: ${visible(leaf.kind)}${on(leaf)}.` : say(leaf, who);
  return text.length > LONGEST_SENTENCE ? `${text.slice(0, LONGEST_SENTENCE - 1)}…` : text;
}

function taskOn(leaf: Leaf): string {
  return `${words(leaf, '', 'task') || 'a task'}${on(leaf)}`;
}

function on(leaf: Leaf): string {
  return words(leaf, ' on ', 'target');
}

function from(leaf: Leaf): string {
  return leaf.sourceAddress === undefined ? '' : ` from ${visible(leaf.sourceAddress)}`;
}

function principalOf(leaf: Leaf): string {
  const { principal } = leaf.detail;
  if (typeof principal === 'string') return visible(principal);
  if (typeof principal !== 'object' || principal === null || !('name' in principal)) return 'a principal';
  const kind = 'kind' in principal && typeof principal.kind === 'string' ? principal.kind : 'principal';
  return `the ${visible(kind)} ${visible(String(principal.name))}`;
}

function askedFor(leaf: Leaf): string {
  const { members } = leaf.detail;
  const more = 'extends' in leaf.detail ? 'more time for ' : '';
  return Array.isArray(members) ? `${members.length} tasks together` : `${more}${taskOn(leaf)}`;
}

function scopeOf(leaf: Leaf): string {
  return leaf.detail.scope === 'everything'
    ? 'everything'
    : `the ${words(leaf, '', 'scope')}${words(leaf, ' ', 'name')}`;
}

function answer(leaf: Leaf): string {
  const { outcome } = leaf.detail;
  if (outcome === 'allow') return '; policy allowed it';
  if (outcome === 'deny') return '; policy denied it';
  return outcome === 'needs-approval' ? '; it needs approval' : '';
}

function alone(leaf: Leaf): string {
  return leaf.detail.soleSigner === true ? ', ALONE, as nobody else could sign' : '';
}

function sessionsEnded(leaf: Leaf): string {
  const { sessionsEnded: count } = leaf.detail;
  return typeof count === 'number' && count > 0
    ? `, ${count} ${count === 1 ? 'session was' : 'sessions were'} ended`
    : '';
}

/** `before`, the field's value and `after`; nothing at all when the leaf has no such text or number. */
function words(leaf: Leaf, before: string, field: string, after = ''): string {
  const value = leaf.detail[field];
  if (typeof value === 'number') return `${before}${value}${after}`;
  return typeof value === 'string' && value !== '' ? `${before}${visible(value)}${after}` : '';
}

function listed(leaf: Leaf, before: string, field: string): string {
  const value = leaf.detail[field];
  if (!Array.isArray(value) || value.length === 0) return '.';
  return `${before}${value.map((one) => visible(String(one))).join(' ')}`;
}

function several(leaf: Leaf, before: string, field: string, after: string): string {
  const value = leaf.detail[field];
  return Array.isArray(value) ? `${before}${value.length}${after}` : '';
}

function quoted(leaf: Leaf, before: string, field: string): string {
  return words(leaf, `${before}“`, field, '”');
}

function spell(leaf: Leaf, before: string, field: string): string {
  const seconds = leaf.detail[field];
  return typeof seconds === 'number' ? `${before}${describeDuration(seconds)}` : '';
}

function visible(text: string): string {
  const clipped = text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT - 1)}…` : text;
  return clipped.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '\u{fffd}');
}

function afterStatements(leaf: Leaf): string {
  const { statements } = leaf.detail;
  if (typeof statements !== 'number') return '';
  return `, after ${statements} ${statements === 1 ? 'statement' : 'statements'}`;
}
