// The product as a process without its embedded servers, so that a crash and a start take a second: store and target
// are the test's own (DATABASE_URL, TEST_TARGET), and outlive it. It is wired as main.ts wires it, seeded as the demo
// is, and can be told over its channel to kill itself at one of its own steps (steps.ts).

import { join } from 'node:path';
import { z } from 'zod';
import { createLog } from '../../src/base/log.ts';
import { Secret } from '../../src/base/secret.ts';
import { loadConfig } from '../../src/config.ts';
import { DEMO_TARGET, freshTokens, removeDemoFile, seedDemo, writeDemoFile } from '../../src/demo/demo.ts';
import { startProgram } from '../../src/program.ts';
import { ROOT } from './checks.ts';
import { watchSteps } from './steps.ts';

const target = z
  .object({ port: z.number(), password: z.string(), superuserUrl: z.string() })
  .parse(JSON.parse(process.env.TEST_TARGET ?? '{}'));
const storeUrl = z.string().parse(process.env.DATABASE_URL);
const pendingLifetimeSeconds = z.coerce.number().optional().parse(process.env.TEST_PENDING_LIFETIME_S);
const config = loadConfig();
removeDemoFile(config.dataFolder);
const steps = watchSteps(Number(new URL(storeUrl).port));
process.on('message', (message) => steps.hear(message, (answer) => process.send?.(answer)));
// Whoever started it is gone.
process.on('disconnect', () => process.exit(1));

let tokens = new Map<string, string>();
const program = await startProgram({
  config,
  storeUrl,
  log: createLog(config.logLevel),
  version: 'test',
  demo: null,
  portalFolder: join(ROOT, 'portal', 'dist'),
  ...(pendingLifetimeSeconds === undefined ? {} : { pendingLifetimeSeconds }),
  prepare: async (ctx) => {
    // The target's credential may have been changed since it was seeded, and stays as it is.
    const seeded = (await ctx.targets.list()).some(({ name }) => name === DEMO_TARGET);
    tokens = seeded
      ? await freshTokens(ctx)
      : await seedDemo(ctx, { server: target, password: new Secret(target.password) });
  },
});
writeDemoFile(config.dataFolder, program.httpUrl, tokens, { url: () => target.superuserUrl });
console.log('It is ready.');
process.once('SIGTERM', () => void program.stop('SIGTERM').then(() => process.exit(0)));
