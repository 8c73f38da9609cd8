// A client of the API as others are: it keeps its connections. `fetch` would cost half a core of the two.

import { Agent, request } from 'node:http';
import type { Person, Sallyport } from '../test/harness/sallyport.ts';

const MOST_CONNECTIONS = 8;

export interface Api {
  get(path: string): Promise<unknown>;
  /** Errors: an Error when the answer is no success. */
  post(path: string, body: unknown): Promise<unknown>;
  close(): void;
}

export function openApi(sallyport: Sallyport, person: Person): Api {
  const agent = new Agent({ keepAlive: true, maxSockets: MOST_CONNECTIONS });
  const { hostname, port } = new URL(sallyport.server());
  const authorization = `Bearer ${sallyport.token(person)}`;
  const call = (method: string, path: string, text: string) =>
    new Promise<unknown>((resolve, reject) => {
      const headers = {
        authorization,
        ...(text === ''
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      };
      const asked = request({ agent, hostname, port, path, method, headers }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.once('error', reject);
        answer.once('end', () => {
          const said = Buffer.concat(chunks).toString();
          if ((answer.statusCode ?? 500) < 300) resolve(JSON.parse(said));
          else reject(new Error(`${method} ${path} answered ${answer.statusCode}: ${said}`));
        });
      });
      asked.once('error', reject);
      asked.end(text);
    });
  return {
    get: (path) => call('GET', path, ''),
    post: (path, body) => call('POST', path, JSON.stringify(body)),
    close: () => agent.destroy(),
  };
}
