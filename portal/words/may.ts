// What the reader may do, as predicates: each says yes, or why not in a sentence that a disabled button shows.

import type { Grant } from '../../src/api/grants.ts';
import type { Me } from '../../src/api/people.ts';
import type { Request } from '../../src/api/requests.ts';
import type { Session } from '../../src/api/sessions.ts';

/** `null` means yes; a text is the reason why not. */
export type MayNot = string | null;

export function mayDecide(request: Request): MayNot {
  if (request.mayApprove) return null;
  if (request.mayNot !== null) return request.mayNot;
  return request.state === 'pending'
    ? 'You are not among those who can decide this.'
    : 'It is decided already.';
}

export function mayCancel(request: Request, me: Me): MayNot {
  if (request.requester.id !== me.id) return 'Only the requester can take a request back.';
  return request.state === 'pending' ? null : 'It is decided already.';
}

export function mayExtend(grant: Grant, me: Me): MayNot {
  if (grant.principal.id !== me.id) return 'Only the holder can extend a grant.';
  if (grant.breakGlass !== null) return 'What was taken by break-glass is not extended: ask as usual.';
  return grant.state === 'active' ? null : 'Only an active grant can be extended.';
}

export function mayUse(grant: Grant, me: Me): MayNot {
  if (grant.principal.id !== me.id) return 'A credential is issued to the holder only.';
  return grant.state === 'active' ? null : 'The login does not work now.';
}

export function mayEnd(grant: Grant): MayNot {
  if (grant.state === 'revoking' || grant.state === 'cleanup-pending') return 'It is being revoked already.';
  if (grant.state === 'revoked') return 'It is over already.';
  return grant.mayEnd ? null : 'Only the holder, the target’s owner or an administrator can end it.';
}

export function mayEndSession(session: Session, me: Me): MayNot {
  if (!session.live) return 'It is over already.';
  return session.principal.id === me.id || me.rights.includes('administer')
    ? null
    : 'Only its holder or an administrator can end a session.';
}

export function mayHold(session: Session, me: Me): MayNot {
  if (!me.rights.includes('administer')) return 'This needs the right to administer.';
  return session.kept.hold !== null && session.principal.id === me.id
    ? 'Nobody releases the recording of their own session.'
    : null;
}

export const mayAdminister = (me: Me): MayNot =>
  me.rights.includes('administer') ? null : 'This needs the right to administer.';

/** Whoever owns a target or segment may stop it; of segments above, the server knows. */
export const mayStop = (owners: readonly (string | null)[], me: Me): boolean =>
  me.rights.includes('administer') || owners.some((owner) => owner !== null && me.groups.includes(owner));

export const mayAudit = (me: Me): MayNot =>
  me.rights.includes('audit') ? null : 'This needs the right to audit.';

export const maySeeStanding = (me: Me): MayNot =>
  me.rights.includes('audit') || me.rights.includes('administer')
    ? null
    : 'Standing access is shown to those who audit or administer.';
