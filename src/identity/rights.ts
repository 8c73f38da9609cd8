// Rights over Sallyport itself: held by two built-in groups for now, by people only.

import { ADMINISTRATORS, AUDITORS, type Principal } from './principals.ts';

export type Right = 'administer' | 'audit';

export function mayAdminister(principal: Principal): boolean {
  return principal.kind === 'person' && principal.groups.includes(ADMINISTRATORS);
}

/** Administrators may read the log too; that they read is in it. */
export function mayAudit(principal: Principal): boolean {
  return principal.kind === 'person' && (principal.groups.includes(AUDITORS) || mayAdminister(principal));
}

export function rightsOf(principal: Principal): Right[] {
  return [
    ...(mayAdminister(principal) ? (['administer'] as const) : []),
    ...(mayAudit(principal) ? (['audit'] as const) : []),
  ];
}
