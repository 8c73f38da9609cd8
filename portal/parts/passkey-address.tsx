// Passkeys belong to one name. Whoever came by another (an IP address, say) is told where they work.

import type { SignInOptions } from '../../src/api/sign-in.ts';

/** Where one has to be for passkeys; null when this is the place, or when there is none. */
export function passkeyPlace(options: SignInOptions): string | null {
  return !options.passkeys || options.publicUrl === window.location.origin ? null : options.publicUrl;
}

export function PasskeyAddress({ place, path }: { place: string; path: string }) {
  return (
    <p className="sp-soft sp-small">
      Passkeys belong to a name. They work at{' '}
      <a className="sp-link" href={`${place}${path}`}>
        {place}
      </a>
      .
    </p>
  );
}
