// The access that a proxy's clients share: what one holds is used, what is missing is asked for once, however many
// clients wait for it. It extends nothing, and what the gateway no longer takes is thrown away and looked for anew.

import type { IssuedCredential } from '../../api/grants.ts';
import { Failure } from '../../base/errors.ts';
import { monotonicMs, sleep } from '../../base/timer.ts';
import { refusalLines } from '../cards.ts';
import type { Api } from '../client.ts';
import { interrupted } from '../exit-codes.ts';
import { type Access, type AccessOptions, askAccess, heldAccess, takeSecret } from '../find-access.ts';
import type { Run } from '../run.ts';

export type DatabaseAccess = Access<IssuedCredential>;

export interface AccessKeeper {
  /** `tell` gets what is being waited for. Errors: Failure, with where to look as its hint. */
  obtain(tell: (text: string) => void): Promise<DatabaseAccess>;
  /** The gateway did not take it. */
  drop(access: DatabaseAccess): void;
  /** Grants that were asked for here, by id. */
  asked(): string[];
}

export interface KeeperOptions extends AccessOptions {
  task: string;
  /** How long clients wait, at most. */
  timeoutSeconds: number;
}

const LOOK_EVERY_MS = 2_000;

export function keepAccess(run: Run, api: Api, target: string, options: KeeperOptions): AccessKeeper {
  const waiting = new Set<(text: string) => void>();
  const asked = new Set<string>();
  let current: DatabaseAccess | null = null;
  let coming: Promise<DatabaseAccess> | null = null;
  let lastTold: string | null = null;

  const tellAll = (text: string) => {
    lastTold = text;
    run.out.say(text);
    for (const tell of waiting) tell(text);
  };

  async function find(): Promise<DatabaseAccess> {
    const held = await heldAccess(run, api, target, options.task, takeSecret);
    if (held !== null) return held;
    if (options.reason === undefined && !run.interactive) return askedElsewhere();
    const { now, access } = await askAccess(
      run,
      api,
      target,
      options,
      takeSecret,
      options.timeoutSeconds,
      (id) => tellAll(`Waiting for approval of "${options.task}" on ${target}: ${api.origin}/requests/${id}`),
    );
    if (access !== null) {
      asked.add(access.grant.id);
      run.out.say(`${options.task} on ${target} is granted.`);
      return access;
    }
    const link = `${api.origin}/requests/${now.request.id}`;
    if (now.request.state !== 'pending') {
      const why = refusalLines(now.request).join('; ');
      const text = `Access to ${target} as "${options.task}" is ${now.request.state}${why === '' ? '.' : `: ${why}`}`;
      throw new Failure('denied', 'access-refused', text, { hint: `See ${link}` });
    }
    throw new Failure('timeout', 'access-waits', `Access to ${target} is not approved yet.`, {
      hint: `Connect again when it is: ${link}`,
    });
  }

  /** Nobody is at a terminal to say why: the portal asks, and the grant is found when it is there. */
  async function askedElsewhere(): Promise<DatabaseAccess> {
    const query = new URLSearchParams({ target, task: options.task });
    const link = `${api.origin}/request?${query}`;
    tellAll(`Access to ${target} has to be asked for, with a reason: ${link}`);
    const endsAt = monotonicMs() + options.timeoutSeconds * 1_000;
    while (monotonicMs() < endsAt) {
      await sleep(LOOK_EVERY_MS, run.interrupt);
      if (run.interrupt.aborted) throw interrupted('The proxy is ending.');
      const held = await heldAccess(run, api, target, options.task, takeSecret);
      if (held !== null) return held;
    }
    throw new Failure('timeout', 'access-not-asked', `Nobody has asked for access to ${target}.`, {
      hint: `Ask for it, then connect again: ${link}`,
    });
  }

  return {
    async obtain(tell) {
      if (current !== null) return current;
      waiting.add(tell);
      if (coming === null) {
        lastTold = null;
        coming = find().finally(() => {
          coming = null;
        });
      } else if (lastTold !== null) tell(lastTold);
      try {
        current = await coming;
        return current;
      } finally {
        waiting.delete(tell);
      }
    },
    drop(access) {
      if (current === access) current = null;
    },
    asked: () => [...asked],
  };
}
