// A bucket that speaks S3's protocol: what is put there is read back by size and checksum before anybody relies on it. Each
// request is signed whole, its body's hash included, so that nobody on the way can change it. Retrying is the caller's.

import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { AwsClient } from 'aws4fetch';
import { codeOf, messageOf } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import { failureOf, isMissing, StoreFailure } from './store-failure.ts';

export interface S3Settings {
  /** An origin; buckets are in the path. */
  endpoint: string;
  bucket: string;
  region: string;
  accessKey: Secret;
  secretKey: Secret;
}

export interface ObjectStore {
  bucket: string;
  /** Puts a whole file there and checks what arrived; what is there already is not sent again. Errors: StoreFailure. */
  put(key: string, path: string, signal: AbortSignal): Promise<void>;
  /** The object's bytes as a stream, and how many they should be; null: there is none. Errors: StoreFailure. */
  get(at: ObjectPlace, signal: AbortSignal): Promise<{ bytes: number; body: ReadableStream } | null>;
  /** Removes it, and what an interrupted upload left; there may be none. Errors: StoreFailure. */
  remove(at: ObjectPlace, signal: AbortSignal): Promise<void>;
}

export interface ObjectPlace {
  bucket: string;
  key: string;
}

/** S3 wants at least 5 MiB of each part but the last, and at most 10,000 of them. */
const PART_BYTES = 16 * 1024 * 1024;
const MOST_PARTS = 10_000;
const REQUEST_LIMIT_MS = 120_000;
/** Of answers that are read as text. */
const LARGEST_ANSWER = 1024 * 1024;
const MOST_ABORTS = 100;

interface Part {
  etag: string;
  sha256: Buffer;
}

/** `limits` for tests with smaller files and less patience. */
export function createS3(
  settings: S3Settings,
  { partBytes, requestMs } = { partBytes: PART_BYTES, requestMs: REQUEST_LIMIT_MS },
): ObjectStore {
  const client = new AwsClient({
    accessKeyId: settings.accessKey.reveal(),
    secretAccessKey: settings.secretKey.reveal(),
    region: settings.region,
    service: 's3',
  });

  async function send(
    method: string,
    { bucket, key }: ObjectPlace,
    more: {
      query?: Record<string, string>;
      headers?: Record<string, string>;
      body?: Buffer;
      signal: AbortSignal;
    },
  ): Promise<Response> {
    const url = new URL(settings.endpoint);
    url.pathname = [bucket, ...key.split('/')].map(encodeURIComponent).join('/');
    for (const [name, value] of Object.entries(more.query ?? {})) url.searchParams.set(name, value);
    const body = more.body ?? Buffer.alloc(0);
    const signed = await client.sign(url, {
      method,
      headers: { ...more.headers, 'x-amz-content-sha256': sha256(body).toString('hex') },
      ...(more.body === undefined ? {} : { body: new Uint8Array(body) }),
      signal: AbortSignal.any([more.signal, AbortSignal.timeout(requestMs)]),
    });
    try {
      // Nowhere else is trusted with what is ours.
      return await fetch(signed, { redirect: 'manual' });
    } catch (error) {
      throw away(error);
    }
  }

  const where = (bucket = settings.bucket) => `The store ${settings.endpoint}, bucket ${bucket},`;

  function away(error: unknown): StoreFailure {
    if (error instanceof StoreFailure) return error;
    const cause = error instanceof Error ? error.cause : undefined;
    const late = error instanceof Error && error.name === 'TimeoutError';
    const why = late
      ? `no answer within ${requestMs / 1000} s`
      : (codeOf(cause) ?? codeOf(error) ?? 'the connection broke');
    return new StoreFailure('away', `${where()} does not answer: ${why}.`, messageOf(cause ?? error));
  }

  /** Errors: StoreFailure for everything that is no success. */
  async function ask(...[method, at, more]: Parameters<typeof send>): Promise<Response> {
    const response = await send(method, at, more);
    if (response.ok) return response;
    throw failureOf(where(at.bucket), response.status, await textOf(response));
  }

  async function textOf(response: Response): Promise<string> {
    let text = '';
    try {
      const decoder = new TextDecoder();
      for await (const chunk of response.body ?? []) {
        text += decoder.decode(chunk, { stream: true });
        if (text.length > LARGEST_ANSWER) throw new StoreFailure('away', `${where()} answers with too much.`);
      }
    } catch (error) {
      throw away(error);
    }
    return text;
  }

  /** null: it is not there. */
  async function head(at: ObjectPlace, signal: AbortSignal) {
    const response = await send('HEAD', at, { headers: { 'x-amz-checksum-mode': 'ENABLED' }, signal });
    await response.body?.cancel();
    if (response.status === 404) return null;
    if (!response.ok) throw failureOf(where(at.bucket), response.status, '');
    return {
      bytes: Number(response.headers.get('content-length') ?? Number.NaN),
      checksum: response.headers.get('x-amz-checksum-sha256'),
    };
  }

  async function get(at: ObjectPlace, signal: AbortSignal) {
    const response = await send('GET', at, { signal });
    if (!response.ok || response.body === null) {
      const text = await textOf(response);
      if (isMissing(response.status, text)) return null;
      throw failureOf(where(at.bucket), response.status, text);
    }
    return { bytes: Number(response.headers.get('content-length') ?? Number.NaN), body: response.body };
  }

  /** By its checksum where the store gives one, else by reading it. */
  async function holds(at: ObjectPlace, file: Digest, signal: AbortSignal): Promise<boolean | null> {
    const there = await head(at, signal);
    if (there === null) return null;
    if (there.bytes !== file.bytes) return false;
    if (there.checksum === file.whole.toString('base64') || there.checksum === composite(file.parts))
      return true;
    const read = await get(at, signal);
    if (read === null) return null;
    const hash = createHash('sha256');
    try {
      for await (const chunk of read.body) hash.update(chunk);
    } catch (error) {
      throw away(error);
    }
    return hash.digest().equals(file.whole);
  }

  async function putParts(at: ObjectPlace, path: string, file: Digest, signal: AbortSignal): Promise<void> {
    await abortOld(at, signal);
    const begun = await ask('POST', at, {
      query: { uploads: '' },
      headers: { 'x-amz-checksum-algorithm': 'SHA256' },
      signal,
    });
    const uploadId = tagIn(await textOf(begun), 'UploadId');
    if (uploadId === null) throw new StoreFailure('away', `${where()} began an upload without naming it.`);
    const parts: Part[] = [];
    await eachPart(path, file.partBytes, async (body) => {
      const hash = sha256(body);
      const answer = await ask('PUT', at, {
        query: { partNumber: String(parts.length + 1), uploadId },
        headers: { 'x-amz-checksum-sha256': hash.toString('base64') },
        body,
        signal,
      });
      await answer.body?.cancel();
      parts.push({ etag: answer.headers.get('etag') ?? '', sha256: hash });
    });
    const completed = await ask('POST', at, {
      query: { uploadId },
      body: Buffer.from(completion(parts)),
      signal,
    });
    // It may answer 200 before it knows, and say in the body that it failed.
    const said = await textOf(completed);
    if (!said.includes('CompleteMultipartUploadResult')) throw failureOf(where(), 500, said);
  }

  /** What an earlier try left behind: parts that nobody sees and somebody pays for. */
  async function abortOld(at: ObjectPlace, signal: AbortSignal): Promise<void> {
    const listed = await ask(
      'GET',
      { bucket: at.bucket, key: '' },
      { query: { uploads: '', prefix: at.key }, signal },
    );
    const uploads = [...(await textOf(listed)).matchAll(/<Upload>([\s\S]*?)<\/Upload>/g)].slice(
      0,
      MOST_ABORTS,
    );
    for (const [, upload = ''] of uploads) {
      const uploadId = tagIn(upload, 'UploadId');
      if (uploadId === null || tagIn(upload, 'Key') !== at.key) continue;
      const answer = await send('DELETE', at, { query: { uploadId }, signal });
      if (!answer.ok && answer.status !== 404)
        throw failureOf(where(at.bucket), answer.status, await textOf(answer));
      await answer.body?.cancel();
    }
  }

  return {
    bucket: settings.bucket,
    get,

    async put(key, path, signal) {
      const at = { bucket: settings.bucket, key };
      const file = await digestOf(path, partBytes);
      if ((await holds(at, file, signal)) === true) return;
      if (file.bytes > partBytes) await putParts(at, path, file, signal);
      else
        await eachPart(path, partBytes, async (body) => {
          const headers = { 'x-amz-checksum-sha256': file.whole.toString('base64') };
          await (await ask('PUT', at, { headers, body, signal })).body?.cancel();
        });
      if ((await holds(at, file, signal)) !== true)
        throw new StoreFailure('altered', `${where()} holds other bytes than it was given.`);
    },

    async remove(at, signal) {
      await abortOld(at, signal);
      const answer = await send('DELETE', at, { signal });
      const text = await textOf(answer);
      if (!answer.ok && !isMissing(answer.status, text))
        throw failureOf(where(at.bucket), answer.status, text);
      if ((await head(at, signal)) !== null)
        throw new StoreFailure('refused', `${where(at.bucket)} still shows what was deleted.`);
    },
  };
}

interface Digest {
  bytes: number;
  whole: Buffer;
  parts: Buffer[];
  partBytes: number;
}

async function digestOf(path: string, partBytes: number): Promise<Digest> {
  const whole = createHash('sha256');
  const parts: Buffer[] = [];
  let bytes = 0;
  await eachPart(path, partBytes, async (body) => {
    if (parts.length >= MOST_PARTS)
      throw new StoreFailure('too-large', `A recording of more than ${MOST_PARTS} parts cannot be stored.`);
    whole.update(body);
    parts.push(sha256(body));
    bytes += body.length;
  });
  return { bytes, whole: whole.digest(), parts, partBytes };
}

/** One after the other, so that memory holds one. */
async function eachPart(
  path: string,
  partBytes: number,
  act: (body: Buffer) => Promise<void>,
): Promise<void> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    for (let at = 0; at < size; at += partBytes) {
      const body = Buffer.allocUnsafe(Math.min(partBytes, size - at));
      let filled = 0;
      while (filled < body.length) {
        const { bytesRead } = await file.read(body, filled, body.length - filled, at + filled);
        if (bytesRead === 0)
          throw new StoreFailure('altered', 'A recording became shorter while it was read.');
        filled += bytesRead;
      }
      await act(body);
    }
  } finally {
    await file.close();
  }
}

/** As S3 tells the checksum of what was put together from parts. */
function composite(parts: Buffer[]): string {
  return `${sha256(Buffer.concat(parts)).toString('base64')}-${parts.length}`;
}

function completion(parts: Part[]): string {
  const rows = parts.map(
    ({ etag, sha256: hash }, i) =>
      `<Part><PartNumber>${i + 1}</PartNumber><ETag>${escaped(etag)}</ETag><ChecksumSHA256>${hash.toString('base64')}</ChecksumSHA256></Part>`,
  );
  return `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${rows.join('')}</CompleteMultipartUpload>`;
}

const ENTITIES = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&apos;': "'",
  '&#34;': '"',
  '&#39;': "'",
};

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

function tagIn(xml: string, name: string): string | null {
  const text = new RegExp(`<${name}>([^<]{1,2000})</${name}>`).exec(xml)?.[1];
  if (text === undefined) return null;
  return text.replace(
    /&(amp|lt|gt|quot|apos|#34|#39);/g,
    (entity) => ENTITIES[entity as keyof typeof ENTITIES],
  );
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
