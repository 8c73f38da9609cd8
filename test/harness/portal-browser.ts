// A browser in a few lines, for tests of cookies: it keeps what the server sets and sends it back, from the portal's
// own page, by the name that passkeys belong to.

import { type TestPasskey, testPasskey } from './passkey.ts';
import { type RawAnswer, rawHttp } from './raw-http.ts';

export interface PortalBrowser {
  /** `http://localhost:7070`: what the pages come from. */
  origin: string;
  cookies: Map<string, string>;
  get(path: string): Promise<RawAnswer>;
  post(path: string, body?: unknown): Promise<RawAnswer>;
  /** Registers a passkey in the session that it has. Errors: when that is refused. */
  register(name?: string): Promise<TestPasskey>;
  /** Signs in with it. */
  signIn(passkey: TestPasskey): Promise<RawAnswer>;
  /** Registers by a link's code and is signed in. */
  useLink(code: string): Promise<{ answer: RawAnswer; passkey: TestPasskey }>;
  /** Uses it in the session that it has. */
  stepUp(passkey: TestPasskey): Promise<RawAnswer>;
}

/** `server` is where it listens; `from` an address of this machine. */
export function portalBrowser(server: string, from?: string): PortalBrowser {
  const { port } = new URL(server);
  const origin = `http://localhost:${port}`;
  const cookies = new Map<string, string>();

  async function send(method: string, path: string, body?: unknown): Promise<RawAnswer> {
    const answer = await rawHttp({
      server: `http://127.0.0.1:${port}`,
      method,
      path,
      ...(body === undefined ? {} : { body }),
      ...(from === undefined ? {} : { from }),
      headers: {
        host: `localhost:${port}`,
        origin,
        cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
      },
    });
    for (const one of answer.headers['set-cookie'] ?? []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(one) ?? [];
      if (value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    return answer;
  }

  const browser: PortalBrowser = {
    origin,
    cookies,
    get: (path) => send('GET', path),
    post: (path, body = {}) => send('POST', path, body),
    async register(name = 'a key of the test') {
      const asked = await browser.post('/api/passkeys/options');
      if (asked.status !== 200) throw new Error(`${asked.status}: ${asked.text}`);
      const options = asked.json as { challenge: string; user: { id: string } };
      const passkey = testPasskey(origin, 'localhost', () => options.user.id);
      const kept = await browser.post('/api/passkeys', { name, passkey: passkey.create(options.challenge) });
      if (kept.status !== 201) throw new Error(`${kept.status}: ${kept.text}`);
      return passkey;
    },
    async signIn(passkey) {
      const asked = await browser.post('/api/sign-in/passkey/options');
      const { challenge } = asked.json as { challenge: string };
      return browser.post('/api/sign-in/passkey', { passkey: passkey.use(challenge) });
    },
    async useLink(code) {
      const asked = await browser.post('/api/registration/options', { code });
      const { options } = asked.json as { options: { challenge: string; user: { id: string } } };
      const passkey = testPasskey(origin, 'localhost', () => options.user.id);
      const given = { code, name: 'by link', passkey: passkey.create(options.challenge) };
      return { answer: await browser.post('/api/registration', given), passkey };
    },
    async stepUp(passkey) {
      const asked = await browser.post('/api/step-up/options');
      if (asked.status !== 200) return asked;
      const { challenge } = asked.json as { challenge: string };
      return browser.post('/api/step-up', { passkey: passkey.use(challenge) });
    },
  };
  return browser;
}
