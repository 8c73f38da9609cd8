// Addresses of standbys as a person types them, one a line.

const DEFAULT_PORT = 5432;
const LARGEST_PORT = 65_535;
/** IPv6 addresses stand in brackets. */
const ADDRESS = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:\s]+))(?::(\d{1,5}))?$/;

export interface Nodes {
  nodes: { host: string; port: number }[];
  /** The first line that is none; null: all are. */
  problem: string | null;
}

export function nodesOf(text: string): Nodes {
  const nodes: Nodes['nodes'] = [];
  for (const line of text.split('\n').map((one) => one.trim())) {
    if (line === '') continue;
    const [, bracketed, plain, port] = ADDRESS.exec(line) ?? [];
    const host = bracketed ?? plain;
    const number = port === undefined ? DEFAULT_PORT : Number(port);
    if (host === undefined || number < 1 || number > LARGEST_PORT)
      return { nodes: [], problem: `“${line.slice(0, 80)}” is no address: write host:port.` };
    nodes.push({ host, port: number });
  }
  return { nodes, problem: null };
}
