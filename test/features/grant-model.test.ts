// Random sequences of what people, time and accidents do to grants, against a simple model: after each step store,
// target and log are what the model says. A few short ones in `npm test`, more and longer in `npm run test:faults`. A
// counterexample is shrunk and printed as a list of what was done.

import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { logVerifies } from '../harness/convergence.ts';
import { createDice } from '../harness/dice.ts';
import { figure } from '../harness/figure.ts';
import { begin, COMMANDS } from '../harness/grant-commands.ts';
import { closeReal, freshModel, openReal } from '../harness/grant-model.ts';
import { type LeanSallyport, startLeanSallyport } from '../harness/lean-sallyport.ts';

const LONG = Number(process.env.SALLY_MODEL_RUNS ?? 0);
const RUNS = LONG || 8;
const MOST_COMMANDS = LONG > 0 ? 40 : 24;
/** What does not fit is left for another day: the seed is another one each time. */
const TIME_LIMIT_MS = LONG > 0 ? 30 * 60_000 : 35_000;

let sallyport: LeanSallyport;
before(async () => {
  sallyport = await startLeanSallyport();
});
after(() => sallyport?.[Symbol.asyncDispose]());

test('whatever happens, in whatever order', { timeout: TIME_LIMIT_MS + 300_000 }, async (t) => {
  const { seed } = createDice(t);
  const endsAt = performance.now() + TIME_LIMIT_MS;
  let runs = 0;
  let steps = 0;
  const property = fc.asyncProperty(
    // Without a bias to short ones: what is short has nothing to fall over.
    fc.noBias(fc.commands([...COMMANDS], { maxCommands: MOST_COMMANDS, size: 'max' })),
    async (commands) => {
      if (performance.now() > endsAt) return;
      const real = await openReal(sallyport);
      const model = freshModel();
      try {
        await begin(model, real);
        await fc.asyncModelRun(() => ({ model, real }), commands);
      } finally {
        await closeReal(model, real);
      }
      await logVerifies(sallyport);
      runs++;
      steps += String(commands)
        .split(',')
        .filter((one) => one !== '').length;
    },
  );
  await fc.assert(property, { seed, numRuns: RUNS });
  figure(t, 'model', `${runs} sequences, ${steps} steps (seed ${seed})`);
});
