// What goes wrong with a store of objects, in our words: from its code and status alone. What it says itself is not passed on:
// it may quote what it was sent.

export type StoreTrouble =
  | 'away' // it does not answer, or not with what was asked for
  | 'refused' // it answers, and does not let us
  | 'altered' // it holds other bytes than were given to it
  | 'too-large';

/** `message` is for people and holds no secret. */
export class StoreFailure extends Error {
  readonly trouble: StoreTrouble;

  constructor(trouble: StoreTrouble, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'StoreFailure';
    this.trouble = trouble;
  }
}

const KNOWN: Readonly<Record<string, string>> = {
  SignatureDoesNotMatch: 'it does not take our signature: look at secretKey, and at region.',
  InvalidAccessKeyId: 'it does not know our key: look at accessKey.',
  // Of versitygw.
  XAdminUserNotFound: 'it does not know our key: look at accessKey.',
  AccessDenied:
    'the key may not do that there: it has to read, write and delete below the prefix, and to list the bucket.',
  NoSuchBucket: 'there is no such bucket.',
  RequestTimeTooSkewed: 'its clock and ours are too far apart.',
  AuthorizationHeaderMalformed: 'it wants another region: look at region.',
  InvalidBucketName: 'it does not take that name of a bucket.',
  PermanentRedirect: 'the bucket is at another endpoint.',
};

/** Whether a 404 is about the object; others are about the bucket or the key that we signed with. */
export function isMissing(status: number, body: string): boolean {
  return status === 404 && (body.includes('<Code>NoSuchKey</Code>') || !body.includes('<Code>'));
}

/** From a status that is no success, and the body with it. */
export function failureOf(where: string, status: number, body: string): StoreFailure {
  const code = /<Code>([A-Za-z]{1,60})<\/Code>/.exec(body)?.[1] ?? '';
  const said = KNOWN[code] ?? (status === 403 ? KNOWN.AccessDenied : undefined);
  const named = code === '' ? `status ${status}` : `status ${status}, ${code}`;
  if (said !== undefined && status < 500)
    return new StoreFailure('refused', `${where} refuses: ${said} (${named})`);
  return new StoreFailure(
    status >= 500 || status === 429 || status === 408 ? 'away' : 'refused',
    `${where} cannot do it now (${named}).`,
  );
}
