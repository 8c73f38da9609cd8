// What a session on a host did in the words of hosts: programs and shells, files that were copied, connections that were
// forwarded. Counted as each ends; a recording without an end counts what was still open.

import { type Columns, PROTOCOLS, type RecordedProtocol, type Totals } from './recording-format.ts';

export type HostFigure = 'commands' | 'files' | 'connections';

/** Null: nothing of its own, as all that databases do. */
function figureOf(protocol: RecordedProtocol, text: string): HostFigure | null {
  if (protocol === 'shell' || protocol === 'exec') return 'commands';
  if (protocol === 'forward') return 'connections';
  return protocol === 'sftp' && /^(get|put) /.test(text) ? 'files' : null;
}

/** Files that were not opened and connections that did not come about are tries only. */
const isTry = (figure: HostFigure, failed: boolean, bytes: number): boolean =>
  figure !== 'commands' && failed && bytes === 0;

interface Ended {
  protocol: RecordedProtocol;
  text: string;
  refused: boolean;
  bytes: number;
  error: object | null;
}

/** Called on the hot path. */
export function countOnHost(totals: Required<Totals>, ended: Ended): void {
  const figure = ended.refused ? null : figureOf(ended.protocol, ended.text);
  if (figure !== null && !isTry(figure, ended.error !== null, ended.bytes)) totals[figure]++;
}

/** The same from chunks of a recording that nobody closed. */
export class HostCounts {
  readonly #counts: Record<HostFigure, number> = { commands: 0, files: 0, connections: 0 };
  /** By index: told when they began. */
  readonly #running = new Map<number, HostFigure>();

  take(columns: Columns): void {
    let text = '';
    columns.index.forEach((index, row) => {
      const told = columns.text[row];
      if (typeof told === 'string') text = told;
      const failed = columns.errors[row] !== undefined;
      const bytes = columns.bytes[row] ?? 0;
      const begun = told === 1 ? this.#running.get(index) : undefined;
      if (begun !== undefined) {
        this.#running.delete(index);
        if (!isTry(begun, failed, bytes)) this.#counts[begun]++;
        return;
      }
      const protocol = PROTOCOLS[columns.protocol[row] ?? -1];
      const figure = protocol === undefined || columns.refused[row] === 1 ? null : figureOf(protocol, text);
      if (figure === null) return;
      if ((columns.duration[row] ?? -1) < 0) this.#running.set(index, figure);
      else if (!isTry(figure, failed, bytes)) this.#counts[figure]++;
    });
  }

  counts(): Record<HostFigure, number> {
    const all = { ...this.#counts };
    for (const figure of this.#running.values()) all[figure]++;
    return all;
  }
}
