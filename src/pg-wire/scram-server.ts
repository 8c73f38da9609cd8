// The server's side of SCRAM-SHA-256 (RFC 5802, as PostgreSQL speaks it in SASL messages). A grant has up to five
// secrets; the proof is checked against all of them, and against as many decoys as are missing, so an unknown login,
// a foreign secret and a wrong one look the same and take the same time. Channel binding is not offered.

import { randomBytes } from 'node:crypto';
import { proofMatches, serverSignature } from '../base/scram.ts';
import type { FrameReader } from './frame-reader.ts';
import { authentication, FROM_CLIENT, zeroEnded } from './frames.ts';
import { ProtocolError } from './protocol-error.ts';

const MECHANISM = 'SCRAM-SHA-256';
const AUTH_SASL = 10;
const AUTH_SASL_CONTINUE = 11;
const AUTH_SASL_FINAL = 12;
const NONCE_BYTES = 18;
const LARGEST_SASL_BYTES = 1_024;
/** The most secrets that a grant has at once. */
export const MOST_CANDIDATES = 5;

/** One secret that lets this login in. */
export interface ScramCandidate {
  credentialId: string;
  storedKey: Buffer;
  serverKey: Buffer;
}

export interface ScramChallenge {
  salt: Buffer;
  iterations: number;
  /** None: an unknown login. */
  candidates: ScramCandidate[];
}

export interface Proven {
  credentialId: string;
  /** SASLFinal: to be sent before AuthenticationOk. */
  final: Buffer;
}

/** Runs the exchange. Errors: ProtocolError `password` for everything that is wrong but well-formed. */
export async function proveClient(
  reader: FrameReader,
  send: (bytes: Buffer) => void,
  challengeFor: () => Promise<ScramChallenge>,
): Promise<Proven | null> {
  send(authentication(AUTH_SASL, zeroEnded(MECHANISM), Buffer.from([0])));
  const first = parseFirst(await saslBody(reader));
  const challenge = await challengeFor();
  const nonce = first.nonce + randomBytes(NONCE_BYTES).toString('base64');
  const serverFirst = `r=${nonce},s=${challenge.salt.toString('base64')},i=${challenge.iterations}`;
  send(authentication(AUTH_SASL_CONTINUE, Buffer.from(serverFirst)));

  const last = parseFinal((await saslBody(reader)).toString('utf8'), first.header, nonce);
  const authMessage = `${first.bare},${serverFirst},${last.withoutProof}`;
  const match = findMatch(challenge.candidates, authMessage, last.proof);
  if (match === null || !last.wellFormed) return null;
  const signature = serverSignature(match, authMessage).toString('base64');
  return {
    credentialId: match.credentialId,
    final: authentication(AUTH_SASL_FINAL, Buffer.from(`v=${signature}`)),
  };
}

function findMatch(candidates: ScramCandidate[], authMessage: string, proof: Buffer): ScramCandidate | null {
  let match: ScramCandidate | null = null;
  for (let i = 0; i < MOST_CANDIDATES; i++) {
    const candidate = candidates[i];
    const matches = proofMatches({ storedKey: candidate?.storedKey ?? DECOY }, authMessage, proof);
    if (matches && candidate !== undefined) match ??= candidate;
  }
  return match;
}

const DECOY = randomBytes(32);

async function saslBody(reader: FrameReader): Promise<Buffer> {
  const frame = await reader.frame(LARGEST_SASL_BYTES);
  if (frame.type !== FROM_CLIENT.password) throw violation('A login message was expected.');
  return frame.body;
}

function parseFirst(body: Buffer): { header: string; bare: string; nonce: string } {
  const end = body.indexOf(0);
  if (end < 0 || end + 5 > body.length) throw violation('The SASL response is not complete.');
  if (body.toString('latin1', 0, end) !== MECHANISM) throw violation(`Only ${MECHANISM} is offered.`);
  if (body.readUInt32BE(end + 1) !== body.length - end - 5)
    throw violation('The SASL response has a wrong length.');
  const text = body.toString('utf8', end + 5);
  const match = /^([ny],,)(n=[^,]*,r=([\x21-\x2b\x2d-\x7e]+))$/.exec(text);
  if (match === null) throw violation('The first SCRAM message is malformed, or asks for channel binding.');
  return { header: match[1] ?? '', bare: match[2] ?? '', nonce: match[3] ?? '' };
}

function parseFinal(
  text: string,
  header: string,
  nonce: string,
): { withoutProof: string; proof: Buffer; wellFormed: boolean } {
  const match = /^(c=([A-Za-z0-9+/=]+),r=([^,]+)),p=([A-Za-z0-9+/=]+)$/.exec(text);
  if (match === null) throw violation('The last SCRAM message is malformed.');
  const bound = Buffer.from(match[2] ?? '', 'base64').toString('latin1') === header;
  const proof = Buffer.from(match[4] ?? '', 'base64');
  return { withoutProof: match[1] ?? '', proof, wellFormed: bound && match[3] === nonce };
}

function violation(text: string): ProtocolError {
  return new ProtocolError('violation', text);
}
