// Certificates for hosts, signed when they are needed: a short one for each session through the gateway, over a key
// that is made in memory for it; and one for a person's own key, in issue-certificate.ts. The key id is the grant's
// login: by it a host knows the grant, and its list of revoked keys refuses every certificate of it.

import { sql } from 'kysely';
import { Failure } from '../base/errors.ts';
import type { Endpoint, HostTerms } from '../connectors/contract.ts';
import type { Db, Trx } from '../db/client.ts';
import type { Obligations } from '../policy/engine/facts.ts';
import { type CertificateExtension, signUserCertificate } from '../ssh/certificate.ts';
import { fingerprint, newKeyPair, opensshPrivateKey, type SshPublicKey } from '../ssh/keys.ts';
import { authorityFor } from '../targets/host-authority.ts';
import type { GrantsContext } from './context.ts';
import type { HostTicket } from './session-ticket.ts';

/** From when on a certificate holds, before now: a host's clock may be a little behind. */
const BACKDATED_SECONDS = 60;
const GATEWAY_SECONDS = 120;

interface SignInput {
  grantId: string;
  login: string;
  terms: HostTerms;
  key: SshPublicKey;
  /** From the store's now, and never beyond the grant's end. */
  forSeconds: number;
  sourceAddress?: string;
}

export interface Signed {
  certificate: string;
  serial: string;
  validUntil: Date;
}

/** Signs, and keeps the serial. Errors: `expired`. */
export async function signForGrant(ctx: GrantsContext, db: Db | Trx, input: SignInput): Promise<Signed> {
  const { rows } = await sql<{ serial: string; valid_until: Date; created_at: Date; now_s: number }>`
    with of_grant as (
      select id, created_at, least(now() + make_interval(secs => ${input.forSeconds}), expires_at) as valid_until
      from grants where id = ${input.grantId} and expires_at > now()),
    kept as (
      insert into host_certificates (grant_id, fingerprint, valid_until)
      select id, ${fingerprint(input.key)}, valid_until from of_grant returning serial)
    select kept.serial::text, valid_until, created_at, floor(extract(epoch from now()))::float8 as now_s
    from of_grant, kept`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Failure('denied', 'expired', 'This grant has expired.');
  const { terms, login } = input;
  const extensions: CertificateExtension[] = [
    ...(terms.shell || terms.commands.length > 0 ? (['permit-pty'] as const) : []),
    ...(terms.forward.length > 0 ? (['permit-port-forwarding'] as const) : []),
  ];
  const certificate = signUserCertificate(await authorityFor(ctx, row.created_at), input.key, {
    serial: BigInt(row.serial),
    keyId: login,
    principals: [login],
    validAfter: row.now_s - BACKDATED_SECONDS,
    validBefore: Math.floor(row.valid_until.getTime() / 1_000),
    ...(input.sourceAddress === undefined ? {} : { sourceAddress: input.sourceAddress }),
    ...(terms.forceCommand === null ? {} : { forceCommand: forceCommandOf(terms, login) }),
    extensions,
  });
  return { certificate, serial: row.serial, validUntil: row.valid_until };
}

export const hostUser = (terms: HostTerms, login: string): string => terms.user ?? login;

const forceCommandOf = (terms: HostTerms, login: string) => terms.forceCommand?.replace('%l', login) ?? '';

export async function hostTicket(
  ctx: GrantsContext,
  input: { grantId: string; login: string; terms: HostTerms; endpoint: Endpoint; recorded: Obligations[] },
): Promise<HostTicket> {
  const { login, terms } = input;
  const pair = newKeyPair();
  const { certificate } = await signForGrant(ctx, ctx.db, {
    ...{ grantId: input.grantId, login, terms, key: pair.publicKey, forSeconds: GATEWAY_SECONDS },
  });
  const { user: _, ...allows } = terms;
  return {
    user: hostUser(terms, login),
    hostKeys: input.endpoint.hostKeys ?? [],
    privateKey: opensshPrivateKey(pair, login),
    certificate,
    allows: { ...allows, forceCommand: terms.forceCommand === null ? null : forceCommandOf(terms, login) },
    record: input.recorded.some((one) => one.record === 'required') ? 'required' : 'on',
  };
}
