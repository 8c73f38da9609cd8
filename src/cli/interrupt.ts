// Ctrl-C as one AbortSignal: the first ends what is under way in good order, a second ends the program at once.
// While another program has the terminal (psql), Ctrl-C is that program's and ours is held.

import { EXIT } from './exit-codes.ts';

const controller = new AbortController();
let held = 0;
let watching = false;

/** Aborts on the first Ctrl-C. */
export function interruptSignal(): AbortSignal {
  if (!watching) {
    watching = true;
    process.on('SIGINT', () => {
      if (held > 0) return;
      if (controller.signal.aborted) process.exit(EXIT.interrupted);
      controller.abort();
    });
  }
  return controller.signal;
}

/** From now until the returned function is called, Ctrl-C does nothing here. */
export function holdInterrupts(): () => void {
  held += 1;
  let released = false;
  return () => {
    if (!released) held -= 1;
    released = true;
  };
}
