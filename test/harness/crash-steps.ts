// What can be set going (crash-scenarios.ts), done again and again and cut off by kill -9 at another of its steps each
// time. The steps are found by watching one whole run, not written down: a new one is in the list by itself.

import { setTimeout as delay } from 'node:timers/promises';
import { converge, logVerifies } from './convergence.ts';
import { makeRoom, SCENARIOS, type Scenario } from './crash-scenarios.ts';
import type { LeanSallyport } from './lean-sallyport.ts';
import type { Armed } from './steps.ts';

/** After a scenario: what follows by itself (the log's numbers and signature, what is told others). */
const AFTERMATH_MS = 1_500;
const END_LIMIT_MS = 5_000;

/** The steps of a whole run, and how often each was taken. */
export async function findSteps(
  sallyport: LeanSallyport,
  scenario: Scenario,
): Promise<Record<string, number>> {
  const id = await scenario.prepare(sallyport);
  sallyport.record();
  await scenario.act(sallyport, id);
  await delay(AFTERMATH_MS);
  return sallyport.steps();
}

/** A step's place; the same label in another scenario is the same step. */
export interface Place {
  scenario: Scenario;
  label: string;
  occurrences: number;
}

/** Each step once, in the first scenario that takes it. */
export async function findPlaces(sallyport: LeanSallyport): Promise<Place[]> {
  const places = new Map<string, Place>();
  for (const scenario of SCENARIOS) {
    for (const [label, occurrences] of Object.entries(await findSteps(sallyport, scenario)))
      if (!places.has(label)) places.set(label, { scenario, label, occurrences });
    await makeRoom(sallyport);
  }
  return [...places.values()];
}

/** Tried this often: what happens in the background, or only in a program that has just started, may not come at once. */
const MOST_TRIES = 4;

/**
 * Dies there, starts again, converges. `lastWaitMs`: how long it may take to come there, the last time that it is tried.
 * Gives how long that took from the start, in ms; null when it never came to that step. Errors: AssertionError when it does not converge, or the log does not verify.
 */
export async function crashAt(
  sallyport: LeanSallyport,
  { scenario, label }: Place,
  step: Omit<Armed, 'label'>,
  lastWaitMs: number,
): Promise<number | null> {
  for (let tried = 1; tried <= MOST_TRIES; tried++) {
    await makeRoom(sallyport);
    if (tried % 2 === 0) {
      await sallyport.stop();
      await sallyport.start();
    }
    const id = await scenario.prepare(sallyport);
    const ended = sallyport.ended();
    sallyport.arm({ ...step, label });
    await scenario.act(sallyport, id).catch(() => undefined);
    const waitMs = tried === MOST_TRIES ? lastWaitMs : END_LIMIT_MS;
    if (await Promise.race([ended.then(() => true), delay(waitMs, false)])) {
      await sallyport.start();
      const convergedMs = await converge(sallyport);
      await scenario.settled?.(sallyport);
      await logVerifies(sallyport);
      return convergedMs;
    }
    sallyport.record();
  }
  return null;
}
