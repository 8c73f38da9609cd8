// Certificates for hosts, signed when they are needed: a short one for each session through the gateway, over a key
// that is made in memory for it; and one for a person's own key, in issue-certificate.ts. The key id is the grant's
// login: by it a host knows the grant, and its list of revoked keys refuses every certificate of it.

import { sql } from 'kysely';
import { append, type Entry } from '../audit/append.ts';
import { Failure } from '../base/errors.ts';
import type { Endpoint, HostTerms } from '../connectors/contract.ts';
import type { Trx } from '../db/client.ts';
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
  /** A person's own key, or one that the gateway made for a session of theirs. */
  holder: 'person' | 'gateway';
  /** Who has asked for it, where and from which address. */
  entry: Pick<Entry, 'actor' | 'requestId' | 'sessionId' | 'targetId' | 'sourceAddress' | 'policyDigest'>;
  target: string;
  /** From the store's now, and never beyond the grant's end. */
  forSeconds: number;
  sourceAddress?: string;
}

export interface Signed {
  certificate: string;
  serial: string;
  validUntil: Date;
}

/** Signs, keeps the serial, and writes down what was signed. Errors: `expired`. */
export async function signForGrant(ctx: GrantsContext, trx: Trx, input: SignInput): Promise<Signed> {
  const { rows } = await sql<{ serial: string; valid_until: Date; created_at: Date; now_s: number }>`
    with of_grant as (
      select id, created_at, least(now() + make_interval(secs => ${input.forSeconds}), expires_at) as valid_until
      from grants where id = ${input.grantId} and expires_at > now()),
    kept as (
      insert into host_certificates (grant_id, fingerprint, valid_until)
      select id, ${fingerprint(input.key)}, valid_until from of_grant returning serial)
    select kept.serial::text, valid_until, created_at, floor(extract(epoch from now()))::float8 as now_s
    from of_grant, kept`.execute(trx);
  const [row] = rows;
  if (row === undefined) throw new Failure('denied', 'expired', 'This grant has expired.');
  const { terms, login, holder } = input;
  const extensions: CertificateExtension[] = [
    ...(terms.shell || terms.commands.length > 0 ? (['permit-pty'] as const) : []),
    ...(terms.forward.length > 0 ? (['permit-port-forwarding'] as const) : []),
  ];
  const authority = await authorityFor({ db: trx, masterKey: ctx.masterKey }, row.created_at);
  const principals = [login];
  const validAfter = row.now_s - BACKDATED_SECONDS;
  // Whole seconds, as the certificate has them.
  const validBefore = Math.floor(row.valid_until.getTime() / 1_000);
  const validUntil = new Date(validBefore * 1_000);
  const certificate = signUserCertificate(authority, input.key, {
    serial: BigInt(row.serial),
    keyId: login,
    principals,
    validAfter,
    validBefore,
    ...(input.sourceAddress === undefined ? {} : { sourceAddress: input.sourceAddress }),
    ...(terms.forceCommand === null ? {} : { forceCommand: forceCommandOf(terms, login) }),
    extensions,
  });
  await append(trx, {
    kind: 'certificate.issued',
    ...input.entry,
    grantId: input.grantId,
    detail: {
      serial: row.serial,
      keyId: login,
      principals,
      key: fingerprint(input.key),
      authority: fingerprint(authority.publicKey),
      holder,
      target: input.target,
      user: hostUser(terms, login),
      validFrom: new Date(validAfter * 1_000).toISOString(),
      validUntil: validUntil.toISOString(),
    },
  });
  return { certificate, serial: row.serial, validUntil };
}

export const hostUser = (terms: HostTerms, login: string): string => terms.user ?? login;

const forceCommandOf = (terms: HostTerms, login: string) => terms.forceCommand?.replace('%l', login) ?? '';

export async function hostTicket(
  ctx: GrantsContext,
  trx: Trx,
  input: Pick<SignInput, 'grantId' | 'login' | 'terms' | 'entry' | 'target'> & {
    endpoint: Endpoint;
    recorded: Obligations[];
  },
): Promise<HostTicket> {
  const { login, terms } = input;
  const pair = newKeyPair();
  const { grantId, entry, target } = input;
  const { certificate } = await signForGrant(ctx, trx, {
    ...{ grantId, login, terms, entry, target },
    ...{ key: pair.publicKey, holder: 'gateway', forSeconds: GATEWAY_SECONDS },
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
