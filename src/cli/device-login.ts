// Logging in where no browser is (RFC 8628): a short code is entered in the portal, on whatever device; meanwhile we ask,
// no faster than we are told.

import { issuedToken } from '../api/people.ts';
import { startedDevice } from '../api/sign-in.ts';
import { Failure } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import { monotonicMs, sleep } from '../base/timer.ts';
import { createApi } from './client.ts';
import { interrupted } from './exit-codes.ts';
import type { Run } from './run.ts';

/** What asking too fast adds (RFC 8628, 3.5), should the server not name it. */
const SLOWER_SECONDS = 5;
/** While the server cannot be reached for a moment, the code goes on. */
const PASSING = new Set(['server-unreachable', 'store-unavailable']);

/** Errors: `login-refused`, `login-expired`, `interrupted`; the server's own. */
export async function loginByCode(run: Run, origin: string): Promise<Secret> {
  const api = createApi(origin, null, run.interrupt);
  const started = await api.post('/api/device-logins', startedDevice, {
    body: { machine: run.environment.machineName },
  });
  run.out.say(`Open ${started.url} and enter the code ${started.userCode}`);
  const endsAt = monotonicMs() + started.lifetimeSeconds * 1000;
  let intervalSeconds = started.intervalSeconds;
  while (monotonicMs() < endsAt) {
    await sleep(intervalSeconds * 1000, run.interrupt);
    if (run.interrupt.aborted) throw interrupted('Stopped; nobody is logged in.');
    try {
      const issued = await api.post('/api/device-logins/token', issuedToken, {
        body: { deviceCode: started.deviceCode },
      });
      return new Secret(issued.token);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (error.code === 'slow-down') {
        const told = error.facts?.intervalSeconds;
        intervalSeconds = typeof told === 'number' ? told : intervalSeconds + SLOWER_SECONDS;
      } else if (error.code !== 'authorization-pending' && !PASSING.has(error.code)) throw error;
    }
  }
  throw new Failure('denied', 'login-expired', 'Nobody entered the code in time.', {
    hint: 'Run `sally login --device` again.',
  });
}
