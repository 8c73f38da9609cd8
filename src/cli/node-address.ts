// `host:port` of a standby, as the command line takes it.

import { usage } from './exit-codes.ts';

const DEFAULT_PORT = 5432;

/** For an option that may be repeated. */
export const collect = (value: string, before: string[]): string[] => [...before, value];

/** IPv6 addresses stand in brackets. Errors: usage, naming what was given. */
export function readNode(text: string): { host: string; port: number } {
  const [, bracketed, plain, port] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:\s]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined)
    throw usage(
      `“${text.slice(0, 80)}” is no address of a standby.`,
      'Write host:port, like replica-1.internal:5432.',
    );
  return { host, port: port === undefined ? DEFAULT_PORT : Number(port) };
}
