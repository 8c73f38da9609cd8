// A segment's path and what is above it: the store keeps every level, and policy speaks of any.

/** `prod/eu/orders` → [`prod`, `prod/eu`, `prod/eu/orders`]. */
export function pathsDownTo(path: string): string[] {
  const steps = path.split('/');
  return steps.map((_, i) => steps.slice(0, i + 1).join('/'));
}
