// Prometheus' text format, version 0.0.4: families with HELP and TYPE, label values escaped, histograms cumulative
// with their `+Inf` bucket, sum and count.

export interface Sample {
  labels: Record<string, string>;
  value: number;
}

/** Nothing at all for a family without samples: one that is announced and empty is no error, and no use. */
export function family(name: string, type: 'counter' | 'gauge', help: string, samples: Sample[]): string {
  return samples.length === 0 ? '' : `${head(name, type, help)}${lines(name, samples)}`;
}

/** `counts[i]`: how many were at most `bounds[i]`; bounds rise. */
export function histogram(
  name: string,
  help: string,
  bounds: readonly number[],
  of: { counts: number[]; count: number; sumSeconds: number },
): string {
  const buckets = bounds.map((bound, place) => ({
    labels: { le: String(bound) },
    value: of.counts[place] ?? 0,
  }));
  return [
    head(name, 'histogram', help),
    lines(`${name}_bucket`, [...buckets, { labels: { le: '+Inf' }, value: of.count }]),
    lines(`${name}_sum`, [{ labels: {}, value: of.sumSeconds }]),
    lines(`${name}_count`, [{ labels: {}, value: of.count }]),
  ].join('');
}

const head = (name: string, type: string, help: string) =>
  `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`;

function lines(name: string, samples: Sample[]): string {
  return samples.map(({ labels, value }) => `${name}${labelsText(labels)} ${value}\n`).join('');
}

function labelsText(labels: Record<string, string>): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const escaped = (value: string) =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
