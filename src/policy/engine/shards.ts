// Rules found by their scope. A shard holds what has one resource key, one principal key, one task key and one account
// type, so that a question looks at what can hold for it and at nothing else: Cedar itself asks every policy of a set.

import type { Action } from './facts.ts';
import type { Query } from './query.ts';
import type { Rule } from './rule.ts';

export interface Shard {
  /** Its number in the set that it belongs to. */
  id: number;
  rules: Rule[];
}

/** By account type; `*` for any. */
type ByAccount = Map<string, Shard>;

/** By resource key, then principal key, then task key, then account type; `*` for any. */
export interface Shards {
  count: number;
  byResource: Map<string, Map<string, Map<string, ByAccount>>>;
}

export function newShards(): Shards {
  return { count: 0, byResource: new Map() };
}

export function addToShards(shards: Shards, rules: readonly Rule[]): void {
  for (const rule of rules) {
    const byPrincipal = entry(
      shards.byResource,
      rule.resource.key,
      () => new Map<string, Map<string, ByAccount>>(),
    );
    const byTask = entry(byPrincipal, rule.principal.key, () => new Map<string, ByAccount>());
    for (const taskKey of rule.tasks ?? ['*']) {
      const byAccount = entry(byTask, taskKey, (): ByAccount => new Map());
      for (const accountType of rule.accountTypes ?? ['*']) {
        entry(byAccount, accountType, (): Shard => ({ id: shards.count++, rules: [] })).rules.push(rule);
      }
    }
  }
}

/**
 * All shards whose scope matches; a rule that names several tasks or account types can be in more than one.
 * `anyAccount`: also those for another account type, which do not hold and are worth telling of.
 */
export function shardsFor(shards: Shards, query: Query, anyAccount = false): Shard[] {
  const found: Shard[] = [];
  for (const byTask of scopesFor(shards, query)) {
    for (const taskKey of query.taskKeys) {
      const byAccount = byTask.get(taskKey);
      if (byAccount === undefined) continue;
      if (anyAccount) found.push(...byAccount.values());
      else {
        for (const key of query.accountKeys) {
          const shard = byAccount.get(key);
          if (shard !== undefined) found.push(shard);
        }
      }
    }
  }
  return found;
}

/** Rules whose scope matches, for `action`, whatever the task and the account type. */
export function* rulesInScope(shards: Shards, action: Action, query: Query): Generator<Rule> {
  for (const byTask of scopesFor(shards, query)) {
    for (const byAccount of byTask.values()) {
      for (const { rules } of byAccount.values()) {
        for (const rule of rules) if (rule.actions.includes(action)) yield rule;
      }
    }
  }
}

function scopesFor(shards: Shards, query: Query): Map<string, ByAccount>[] {
  const found: Map<string, ByAccount>[] = [];
  for (const resourceKey of query.resourceKeys) {
    const byPrincipal = shards.byResource.get(resourceKey);
    if (byPrincipal === undefined) continue;
    for (const principalKey of query.principalKeys) {
      const byTask = byPrincipal.get(principalKey);
      if (byTask !== undefined) found.push(byTask);
    }
  }
  return found;
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const fresh = make();
  map.set(key, fresh);
  return fresh;
}
