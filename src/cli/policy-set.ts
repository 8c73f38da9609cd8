// The policies in force, as the server hands them out.

import { z } from 'zod';

/** What GET /api/policy answers. */
export const policySet = z.object({ digest: z.string(), files: z.record(z.string(), z.string()) });
