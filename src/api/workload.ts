// The exchange of a job's own token for one of Sallyport's, in the words of RFC 8693, as JSON.

import { z } from 'zod';
import { nameText } from './text.ts';

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const JWT_TYPE = 'urn:ietf:params:oauth:token-type:jwt';
export const ID_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:id_token';
export const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token';

/** Far above what GitHub, GitLab and Kubernetes issue (1 to 3 kB). */
const LONGEST_SUBJECT_TOKEN = 16 * 1024;

export const exchangeBody = z.object({
  grant_type: z.literal(TOKEN_EXCHANGE),
  subject_token: z
    .string()
    .max(LONGEST_SUBJECT_TOKEN, 'At most 16 KiB.')
    .regex(/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/, 'A JWT in compact form.'),
  subject_token_type: z.enum([JWT_TYPE, ID_TOKEN_TYPE]),
});
export type ExchangeBody = z.infer<typeof exchangeBody>;

export const exchanged = z.object({
  access_token: z.string(),
  issued_token_type: z.literal(ACCESS_TOKEN_TYPE),
  token_type: z.literal('Bearer'),
  /** Whole seconds. */
  expires_in: z.number().int(),
  scope: z.string(),
  /** The service as which the token calls. */
  service: nameText,
});
export type Exchanged = z.infer<typeof exchanged>;
