// The tabs of the Audit page, as its address names them.

export const AUDIT_VIEWS = ['log', 'elevations', 'holders', 'checkpoint'] as const;
export type AuditView = (typeof AUDIT_VIEWS)[number];
