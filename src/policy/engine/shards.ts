// Rules found by their scope. A shard holds what has one resource key, one principal key and one task key, so that a
// question looks at what can hold for it and at nothing else: Cedar itself asks every policy of a set.

import type { Action } from './facts.ts';
import type { Query } from './query.ts';
import type { Rule } from './rule.ts';

export interface Shard {
  /** Its place in the set that it belongs to. */
  id: number;
  rules: Rule[];
}

/** By resource key, then principal key, then task key; `*` for any. */
export type Shards = ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<string, Shard>>>;

export function shardsOf(rules: readonly Rule[]): Shards {
  const shards = new Map<string, Map<string, Map<string, Shard>>>();
  let count = 0;
  for (const rule of rules) {
    const byPrincipal = entry(shards, rule.resource.key, () => new Map<string, Map<string, Shard>>());
    const byTask = entry(byPrincipal, rule.principal.key, () => new Map<string, Shard>());
    for (const key of rule.tasks ?? ['*']) {
      entry(byTask, key, (): Shard => ({ id: count++, rules: [] })).rules.push(rule);
    }
  }
  return shards;
}

/** All shards whose scope matches; a rule that names several tasks can be in more than one. */
export function shardsFor(shards: Shards, query: Query): Shard[] {
  const found: Shard[] = [];
  for (const byTask of scopesFor(shards, query)) {
    for (const key of query.taskKeys) {
      const shard = byTask.get(key);
      if (shard !== undefined) found.push(shard);
    }
  }
  return found;
}

/** Rules whose scope matches, for `action`, whatever the task. */
export function* rulesInScope(shards: Shards, action: Action, query: Query): Generator<Rule> {
  for (const byTask of scopesFor(shards, query)) {
    for (const { rules } of byTask.values()) {
      for (const rule of rules) if (rule.actions.includes(action)) yield rule;
    }
  }
}

function* scopesFor(shards: Shards, query: Query): Iterable<ReadonlyMap<string, Shard>> {
  for (const resourceKey of query.resourceKeys) {
    const byPrincipal = shards.get(resourceKey);
    if (byPrincipal === undefined) continue;
    for (const principalKey of query.principalKeys) {
      const byTask = byPrincipal.get(principalKey);
      if (byTask !== undefined) yield byTask;
    }
  }
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const fresh = make();
  map.set(key, fresh);
  return fresh;
}
