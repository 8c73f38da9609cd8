// An authenticator in a few lines, for tests of what a server must refuse: it makes and uses ES256 passkeys as the
// specification says, and lies where it is told to. Real browsers with theirs are in the portal's tests.

import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isoCBOR } from '@simplewebauthn/server/helpers';

/** What differs from an honest answer. */
export interface Lies {
  origin?: string;
  rpId?: string;
  challenge?: string;
  type?: string;
  /** Answers without having verified the person. */
  unverified?: boolean;
  absent?: boolean;
  counter?: number;
  userHandle?: string | null;
  /** Signs with a key that nobody knows. */
  otherKey?: boolean;
  /** Says that it is another credential. */
  credentialId?: string;
}

export interface TestPasskey {
  id: string;
  create(challenge: string, lies?: Lies): object;
  /** Its counter rises by one each time. */
  use(challenge: string, lies?: Lies): object;
}

const USER_PRESENT = 1;
const USER_VERIFIED = 4;
const ATTESTED = 64;

/** `userId` is the `user.id` of the registration's options, in base64url; set by `create`'s caller. */
export function testPasskey(origin: string, rpId: string, userId: () => string): TestPasskey {
  const credentialId = randomBytes(32);
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  let counter = 0;

  const clientData = (type: string, challenge: string, lies: Lies) =>
    Buffer.from(
      JSON.stringify({
        type: lies.type ?? type,
        challenge: lies.challenge ?? challenge,
        origin: lies.origin ?? origin,
        crossOrigin: false,
      }),
    );
  const authenticatorData = (lies: Lies, attested: Uint8Array = new Uint8Array()) => {
    const flags =
      (lies.absent ? 0 : USER_PRESENT) |
      (lies.unverified ? 0 : USER_VERIFIED) |
      (attested.length > 0 ? ATTESTED : 0);
    const head = Buffer.alloc(5);
    head.writeUInt8(flags, 0);
    head.writeUInt32BE(lies.counter ?? counter, 1);
    const hash = createHash('sha256')
      .update(lies.rpId ?? rpId)
      .digest();
    return Buffer.concat([hash, head, attested]);
  };

  const id = credentialId.toString('base64url');
  return {
    id,
    create(challenge, lies = {}) {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(credentialId.length);
      const attested = Buffer.concat([Buffer.alloc(16), length, credentialId, coseKey(publicKey)]);
      const object = new Map<string, unknown>([
        ['fmt', 'none'],
        ['attStmt', new Map()],
        ['authData', new Uint8Array(authenticatorData(lies, attested))],
      ]);
      return {
        id,
        rawId: id,
        type: 'public-key',
        response: {
          clientDataJSON: clientData('webauthn.create', challenge, lies).toString('base64url'),
          attestationObject: Buffer.from(encode(object)).toString('base64url'),
          transports: ['internal'],
        },
      };
    },
    use(challenge, lies = {}) {
      counter += 1;
      const client = clientData('webauthn.get', challenge, lies);
      const data = authenticatorData(lies);
      const signed = Buffer.concat([data, createHash('sha256').update(client).digest()]);
      const key = lies.otherKey ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey : privateKey;
      const handle = lies.userHandle === undefined ? userId() : lies.userHandle;
      return {
        id: lies.credentialId ?? id,
        rawId: lies.credentialId ?? id,
        type: 'public-key',
        response: {
          clientDataJSON: client.toString('base64url'),
          authenticatorData: data.toString('base64url'),
          signature: sign('sha256', signed, key).toString('base64url'),
          ...(handle === null ? {} : { userHandle: handle }),
        },
      };
    },
  };
}

function coseKey(key: KeyObject): Uint8Array {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  return encode(
    new Map<number, unknown>([
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, new Uint8Array(Buffer.from(x, 'base64url'))],
      [-3, new Uint8Array(Buffer.from(y, 'base64url'))],
    ]),
  );
}

function encode(value: unknown): Uint8Array {
  return isoCBOR.encode(value as Parameters<typeof isoCBOR.encode>[0]);
}
