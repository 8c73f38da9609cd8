// What a schema found wrong with a form, by the wire's field names.

import type { z } from 'zod';

/** The first message for each field: `{'settings.host': 'A host name or address.'}`. */
export function problemsOf(error: z.ZodError): Record<string, string> {
  const found: Record<string, string> = {};
  for (const issue of error.issues) {
    const field = issue.path.map(String).join('.');
    found[field] ??= issue.message.startsWith('Too small') ? 'This is needed.' : issue.message;
  }
  return found;
}
