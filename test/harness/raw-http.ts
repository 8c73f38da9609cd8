// One HTTP request exactly as it is written: any path, any header, any method, from any address of this machine.
// fetch would tidy up the path, refuse a Host of one's own and always come from the same address.

import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http';

export interface RawRequest {
  /** `http://127.0.0.1:7070` */
  server: string;
  method?: string;
  /** Sent as it is. */
  path: string;
  headers?: OutgoingHttpHeaders;
  /** An object is sent as JSON; a text as it is. */
  body?: unknown;
  /** Of this machine, so 127.x.y.z: what the server counts and notes as the source. */
  from?: string;
}

export interface RawAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  /** At most `LONGEST_TEXT` characters; a stream that never ends is left after its headers. */
  text: string;
  /** Of a JSON answer; null for anything else. */
  json: Record<string, unknown> | null;
}

const LONGEST_TEXT = 2_000_000;
const PATIENCE_MS = 30_000;

/** Errors: when the server closes without an answer, or is silent for 30 s. */
export function rawHttp(input: RawRequest): Promise<RawAnswer> {
  const { hostname, port } = new URL(input.server);
  const text =
    input.body === undefined || typeof input.body === 'string' ? input.body : JSON.stringify(input.body);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: hostname,
        port,
        method: input.method ?? 'GET',
        path: input.path,
        agent: false,
        headers: {
          ...(text === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
          ...input.headers,
        },
        ...(input.from === undefined ? {} : { localAddress: input.from }),
        timeout: PATIENCE_MS,
      },
      (response) => {
        let received = '';
        const done = () => {
          const type = response.headers['content-type'] ?? '';
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: received,
            json:
              received !== '' && /^application\/((problem|scim)\+)?json/.test(type)
                ? JSON.parse(received)
                : null,
          });
          sent.destroy();
        };
        response.setEncoding('utf8');
        response.on('data', (piece: string) => {
          received += piece;
          if (received.length > LONGEST_TEXT) done();
        });
        response.on('end', done);
        if (response.headers['content-type']?.startsWith('text/event-stream')) done();
      },
    );
    sent.on('timeout', () => sent.destroy(new Error(`No answer to ${input.path} within 30 s.`)));
    sent.on('error', reject);
    sent.end(text);
  });
}
