// When the server wants a passkey before it goes on: whoever called waits here, the shell's dialog asks, and the call
// is made again. One question at a time, whatever calls meanwhile.

import { useSyncExternalStore } from 'react';

export interface StepUpQuestion {
  /** The server's own words. */
  why: string;
  /** True when the passkey was used. */
  settle: (done: boolean) => void;
}

let question: StepUpQuestion | null = null;
let answer: Promise<boolean> | null = null;
/** Dialogs that are there to ask. */
let dialogs = 0;
const listeners = new Set<() => void>();

function set(next: StepUpQuestion | null): void {
  question = next;
  for (const listener of listeners) listener();
}

/** False when they did not want to, or when no page is there that could ask. */
export function askForPasskey(why: string): Promise<boolean> {
  if (dialogs === 0) return Promise.resolve(false);
  answer ??= new Promise<boolean>((resolve) => {
    const settle = (done: boolean) => {
      answer = null;
      set(null);
      resolve(done);
    };
    set({ why, settle });
  });
  return answer;
}

/** For the dialog: says that it is there, until the function that it gives is called. */
export function dialogIsThere(): () => void {
  dialogs += 1;
  return () => {
    dialogs -= 1;
    question?.settle(false);
  };
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useStepUpQuestion = (): StepUpQuestion | null => useSyncExternalStore(subscribe, () => question);
