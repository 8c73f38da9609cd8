// kill -9 before and after each step of granting, extending, ending and using a grant, of bundles, the kill switch,
// break-glass and emergency kits. The steps are found by watching: each write to the store, each commit, each round
// trip to the target. After the start everything is where it should be within 60 s. `npm test` draws a few places;
// `npm run test:faults` goes to all of them.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ROOT } from '../harness/checks.ts';
import { prepareScenarios } from '../harness/crash-scenarios.ts';
import { crashAt, findPlaces, type Place } from '../harness/crash-steps.ts';
import { createDice } from '../harness/dice.ts';
import { figure, progress } from '../harness/figure.ts';
import { type LeanSallyport, startLeanSallyport } from '../harness/lean-sallyport.ts';

/** `all`; `new`: those that are not in the list yet; else part of a scenario's name. Without it a few are drawn. */
const { SALLY_CRASH_STEPS: WHERE } = process.env;
const EVERYWHERE = WHERE !== undefined;
const DRAWN = 4;
/** What broke one may break all after it; a few are enough to look at. */
const MOST_FAILURES = 5;
const RUN_LIMIT_MS = 90_000;
/** For a step's first time, where all are to be seen: enough for what comes once a minute. */
const LAST_WAIT_MS = EVERYWHERE ? 75_000 : 15_000;
/** For another time, which is chance. */
const SHORT_WAIT_MS = 5_000;
const TOLD_EVERY = 20;
/** Some four hundred crashes of a few seconds each. */
const LONGEST_MS = 3 * 3_600_000;
/** One line a step. Who adds a step sees this test fail, lets it crash there in the long run, and adds its line. */
const KNOWN = join(ROOT, 'test', 'faults', 'crash-steps.txt');

let sallyport: LeanSallyport;
let places: Place[];
before(async () => {
  sallyport = await startLeanSallyport();
  await prepareScenarios(sallyport);
  places = await findPlaces(sallyport);
});
after(() => sallyport?.[Symbol.asyncDispose]());

const known = new Set(readFileSync(KNOWN, 'utf8').trim().split('\n'));
const COMMIT = 'store: commit of ';

/** Which writes meet in one transaction may differ from run to run: a commit is as good as all of its writes. */
const writesOf = (label: string): string[] | null =>
  label.startsWith(COMMIT)
    ? label
        .slice(COMMIT.length)
        .split(' + ')
        .map((write) => `store: ${write}`)
    : null;
const isKnown = (label: string) =>
  known.has(label) || writesOf(label)?.every((write) => known.has(write)) === true;

test('every step is known, so that none is without its crash', () => {
  const found = places.map(({ label }) => label);
  const fresh = found.filter((label) => !isKnown(label)).sort();
  assert.deepEqual(
    fresh,
    [],
    'New steps. Let the program die there (SALLY_CRASH_STEPS=new npm run test:faults -- crash-steps), then add these lines to test/faults/crash-steps.txt.',
  );
  // A floor, should the watch see less than there is.
  assert.ok(found.length >= 40, `only ${found.length} steps were seen`);
});

interface Run {
  place: Place;
  occurrence: number;
  when: 'before' | 'after';
}

function allRuns(): Run[] {
  const isWanted = ({ label, scenario }: Place) =>
    WHERE === undefined ||
    WHERE === 'all' ||
    (WHERE === 'new' ? !isKnown(label) : scenario.name.includes(WHERE));
  return places
    .filter(isWanted)
    .flatMap((place) =>
      [...new Set([1, place.occurrences])].flatMap((occurrence) =>
        (['before', 'after'] as const).map((when) => ({ place, occurrence, when })),
      ),
    );
}

test(`killed ${EVERYWHERE ? `at every step (${WHERE})` : `at ${DRAWN} steps that are drawn`}, it converges`, {
  timeout: EVERYWHERE ? LONGEST_MS : DRAWN * RUN_LIMIT_MS,
}, async (t) => {
  const dice = createDice(t);
  const runs = EVERYWHERE ? allRuns() : dice.draw(allRuns(), DRAWN);
  const took: number[] = [];
  const diedAt = new Set<string>();
  const failures: Error[] = [];
  for (const [n, { place, occurrence, when }] of runs.entries()) {
    if (EVERYWHERE && n % TOLD_EVERY === 0) progress(n, runs.length, 'crashes');
    const name = `${place.scenario.name}: ${when} ${place.label} #${occurrence}`;
    const lastWaitMs = occurrence === 1 ? LAST_WAIT_MS : SHORT_WAIT_MS;
    const convergedMs = await crashAt(sallyport, place, { occurrence, when }, lastWaitMs).catch(
      (cause: unknown) => {
        failures.push(new Error(`killed at ${name}, it did not converge`, { cause }));
      },
    );
    if (failures.length > MOST_FAILURES) break;
    if (convergedMs === undefined) continue;
    if (convergedMs === null) {
      t.diagnostic(`not reached this time: ${name}`);
      continue;
    }
    took.push(convergedMs);
    diedAt.add(`${when} ${place.label}`);
  }
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} crashes were not got over`);
  // A second occurrence may be chance; a step where it never died is none that was shown.
  const died = (when: string, label: string) => diedAt.has(`${when} ${label}`);
  const missed = runs
    .filter(({ when, place: { label } }) => !died(when, label))
    .filter(({ when, place: { label } }) => !writesOf(label)?.every((write) => died(when, write)))
    .map(({ when, place: { label, scenario } }) => `${scenario.name}: ${when} ${label}`);
  assert.deepEqual(EVERYWHERE ? [...new Set(missed)] : [], [], 'it never died there');
  assert.ok(took.length > 0, 'it died somewhere');
  figure(
    t,
    'crash-steps',
    `${took.length} crashes at ${new Set([...diedAt].map((one) => one.replace(/^\w+ /, ''))).size} of ${places.length} steps; converged within ${(Math.max(...took) / 1000).toFixed(1)} s`,
  );
});
