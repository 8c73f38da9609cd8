// What a person needs to add a host: the keys that it shows, to compare with what the host itself says, and the lines
// that let it trust this installation.

import { Failure } from '../base/errors.ts';
import { fingerprint } from '../ssh/keys.ts';
import { trustedAuthorities } from './host-authority.ts';
import type { TargetsContext } from './targets.ts';

const SCAN_TIMEOUT_MS = 15_000;
const KIND = 'ssh';

export interface HostEnrolment {
  /** Errors: `target-down`, `no-host-key`, both with the field `host`. */
  keys(at: { host: string; port: number }): Promise<{ key: string; fingerprint: string }[]>;
  authority(): Promise<{ publicKeys: string[]; configuration: string }>;
}

export function createHostEnrolment(
  ctx: Pick<TargetsContext, 'db' | 'masterKey' | 'registry' | 'dial' | 'mark'>,
): HostEnrolment {
  const enrol = () => {
    const { enrolment } = ctx.registry.kind(KIND);
    if (enrolment !== null) return enrolment;
    throw new Failure('invalid', 'unknown-kind', 'Hosts are not among the kinds of this program.');
  };
  return {
    async keys(at) {
      const keys = await enrol().scan(ctx.dial, at, AbortSignal.timeout(SCAN_TIMEOUT_MS)).catch(notThere);
      return keys.map((key) => {
        const [type = '', base64 = ''] = key.split(' ');
        return { key, fingerprint: fingerprint({ type, blob: Buffer.from(base64, 'base64') }) };
      });
    },
    async authority() {
      const lines = await trustedAuthorities(ctx);
      return {
        publicKeys: lines.map((line) => `${line} sallyport:${ctx.mark.installation}`),
        configuration: enrol().configuration,
      };
    },
  };
}

/** That nobody answers there is no trouble of this program: the address is wrong, or not ready yet. */
function notThere(error: unknown): never {
  if (!(error instanceof Failure) || error.kind !== 'unavailable') throw error;
  const { code, message, hint } = error;
  throw new Failure('invalid', code, message, {
    field: 'host',
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}
