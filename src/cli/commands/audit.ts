// `sally audit`: the log's three readings. `verify` recomputes everything itself, with or without the server.

import type { Command } from 'commander';
import { group } from '../run.ts';
import { exportCommand } from './audit-export.ts';
import { searchCommand } from './audit-search.ts';
import { verifyCommand } from './audit-verify.ts';

export function command(): Command {
  return group('audit', 'search, export and verify the audit log', [
    verifyCommand(),
    exportCommand(),
    searchCommand(),
  ]);
}
