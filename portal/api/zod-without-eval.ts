// zod compiles schemas with `new Function` where it may; here it may not, and even trying is reported by the
// browser. It decides when a schema is made, so this must run before any schema is.

import { config } from 'zod';

config({ jitless: true });
