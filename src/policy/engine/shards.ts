// Rules found by their scope. A shard holds what has one resource key, one principal key and one task key, so that a
// question looks at what can hold for it and at nothing else: Cedar itself asks every policy of a set.

import type { Action } from './facts.ts';
import type { Query } from './query.ts';
import type { Rule } from './rule.ts';

export interface Shard {
  /** Its number in the set that it belongs to. */
  id: number;
  rules: Rule[];
}

/** By resource key, then principal key, then task key; `*` for any. */
export interface Shards {
  count: number;
  byResource: Map<string, Map<string, Map<string, Shard>>>;
}

export function newShards(): Shards {
  return { count: 0, byResource: new Map() };
}

export function addToShards(shards: Shards, rules: readonly Rule[]): void {
  for (const rule of rules) {
    const byPrincipal = entry(
      shards.byResource,
      rule.resource.key,
      () => new Map<string, Map<string, Shard>>(),
    );
    const byTask = entry(byPrincipal, rule.principal.key, () => new Map<string, Shard>());
    for (const key of rule.tasks ?? ['*']) {
      entry(byTask, key, (): Shard => ({ id: shards.count++, rules: [] })).rules.push(rule);
    }
  }
}

/** All shards whose scope matches; a rule that names several tasks can be in more than one. */
export function shardsFor(shards: Shards, query: Query): Shard[] {
  const found: Shard[] = [];
  for (const resourceKey of query.resourceKeys) {
    const byPrincipal = shards.byResource.get(resourceKey);
    if (byPrincipal === undefined) continue;
    for (const principalKey of query.principalKeys) {
      const byTask = byPrincipal.get(principalKey);
      if (byTask === undefined) continue;
      for (const taskKey of query.taskKeys) {
        const shard = byTask.get(taskKey);
        if (shard !== undefined) found.push(shard);
      }
    }
  }
  return found;
}

/** Rules whose scope matches, for `action`, whatever the task. */
export function* rulesInScope(shards: Shards, action: Action, query: Query): Generator<Rule> {
  for (const resourceKey of query.resourceKeys) {
    for (const principalKey of query.principalKeys) {
      const byTask = shards.byResource.get(resourceKey)?.get(principalKey);
      for (const { rules } of byTask?.values() ?? []) {
        for (const rule of rules) if (rule.actions.includes(action)) yield rule;
      }
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
