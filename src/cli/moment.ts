// A moment on the command line: with its offset, because whoever reads the flag may be in another time zone.

import { usage } from './exit-codes.ts';

const FORM = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/;

/** RFC 3339 as the API takes it, seconds added where they are left out. */
export function momentFrom(text: string, flag: string): string {
  const ms = FORM.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) {
    throw usage(
      `${flag} is no moment: "${text}".`,
      'Write it like 2026-12-01T08:00:00+01:00 or 2026-12-01T07:00Z.',
    );
  }
  return new Date(ms).toISOString();
}
