// From a job's verified claims to the service that it is: the first rule all of whose claims are there, exactly. No
// patterns: a pattern over branch names is how somebody else's branch gets in.

import type { TokenScope } from '../../api/people.ts';

export interface WorkloadRule {
  service: string;
  claims: Readonly<Record<string, string | undefined>>;
  scopes: readonly TokenScope[];
  addresses?: readonly string[] | undefined;
  /** Seconds. */
  lifetime: number;
}

export interface WorkloadIssuer {
  shape: 'github' | 'gitlab' | 'kubernetes' | 'custom';
  name: string;
  issuer: string;
  audience: string;
  /** Where its keys are; by discovery when left out. */
  jwks?: string | undefined;
  algorithms: readonly string[];
  rules: readonly WorkloadRule[];
}

type Claims = Readonly<Record<string, unknown>>;

/** Where Kubernetes keeps what a rule names. */
const KUBERNETES: Readonly<Record<string, readonly string[]>> = {
  namespace: ['kubernetes.io', 'namespace'],
  serviceaccount: ['kubernetes.io', 'serviceaccount', 'name'],
  uid: ['kubernetes.io', 'serviceaccount', 'uid'],
};

/** What the log keeps of a token: who the job is, in the words of its issuer. */
const TOLD: Readonly<Record<WorkloadIssuer['shape'], readonly string[]>> = {
  github: [
    ...['sub', 'repository', 'repository_id', 'repository_owner_id', 'environment', 'ref', 'sha', 'actor'],
    ...['event_name', 'run_id', 'run_attempt', 'job_workflow_ref'],
  ],
  gitlab: [
    ...['sub', 'project_path', 'project_id', 'environment', 'ref', 'ref_type', 'ref_protected', 'sha'],
    ...['user_login', 'pipeline_id', 'job_id'],
  ],
  kubernetes: ['sub', 'namespace', 'serviceaccount', 'uid'],
  custom: ['sub'],
};
const LONGEST_TOLD = 300;

/** The rule that holds, or null. */
export function ruleFor(issuer: WorkloadIssuer, claims: Claims): WorkloadRule | null {
  return (
    issuer.rules.find((rule) => {
      const wanted = Object.entries(rule.claims).filter(([, value]) => value !== undefined);
      return wanted.length > 0 && wanted.every(([name, value]) => claimOf(issuer, claims, name) === value);
    }) ?? null
  );
}

/** For the log: short texts only. */
export function toldClaims(issuer: WorkloadIssuer, claims: Claims): Record<string, string> {
  const told: Record<string, string> = {};
  for (const name of TOLD[issuer.shape]) {
    const value = claimOf(issuer, claims, name);
    if (value !== null) told[name] = value.slice(0, LONGEST_TOLD);
  }
  return told;
}

// Of a list or an object nothing is taken: ["a"] is not "a".
function claimOf(issuer: WorkloadIssuer, claims: Claims, name: string): string | null {
  const path = issuer.shape === 'kubernetes' ? (KUBERNETES[name] ?? [name]) : [name];
  let at: unknown = claims;
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return null;
    at = Reflect.get(at, part);
  }
  return typeof at === 'string' || typeof at === 'number' || typeof at === 'boolean' ? String(at) : null;
}
