// Opening a page in the person's browser, where there is one: a screen, and a program that opens pages.

import { spawn } from 'node:child_process';
import type { Environment } from './environment.ts';

/** False over ssh and without a screen: then a code is entered elsewhere. */
export function canOpenBrowser(environment: Environment): boolean {
  return environment.browser !== null || environment.hasScreen;
}

/** Does its best and says nothing: the address is on the terminal too. */
export function openInBrowser(environment: Environment, url: string): void {
  const program = environment.browser ?? (process.platform === 'darwin' ? 'open' : 'xdg-open');
  const child = spawn(program, [url], { stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
}
