// `sally target credential` and `sally target nodes`: what changes on a target while grants are live. The server tries
// it first; what does not work is not stored.

import type { Command } from 'commander';
import { checkReport } from '../../api/targets.ts';
import { findPassword, type PasswordOptions } from '../admin-password.ts';
import { describeCheck } from '../check-report.ts';
import { path } from '../client.ts';
import { EXIT, usage } from '../exit-codes.ts';
import { readNode } from '../node-address.ts';
import { leaf, startRun } from '../run.ts';

export function credentialCommand(): Command {
  return leaf('credential <name>', 'give Sallyport the new password of its administrator there', [
    'target credential orders-db',
    'target credential orders-db --admin-user sallyport_2 --password-env ORDERS_ADMIN_PASSWORD --no-input',
  ])
    .option('--admin-user <name>', 'another administrator than before')
    .option('--password-file <file>', "that administrator's password: first line of a file, - for stdin")
    .option('--password-env <name>', "that administrator's password: from this environment variable")
    .action(async (name: string, options: PasswordOptions & { adminUser?: string }, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      const password = await findPassword(run, options, options.adminUser ?? `the administrator of ${name}`);
      run.out.live(`Trying it on ${name} …`);
      const body = {
        ...(options.adminUser === undefined ? {} : { user: options.adminUser }),
        password: password.reveal(),
      };
      const report = await api.post(path`/api/targets/${name}/credential`, checkReport, { body });
      run.out.settle();
      run.out.data(report, () => [
        `${name} has the new credential; what waited for it goes on now.`,
        ...describeCheck(report, run.out),
      ]);
      if (!report.ok) run.finish(EXIT.failed);
    });
}

export function nodesCommand(): Command {
  return leaf('nodes <name> [host:port...]', 'name the standbys of a target: all of them, each time', [
    'target nodes orders-db replica-1.internal:5432 replica-2.internal',
    'target nodes orders-db --none',
  ])
    .option('--none', 'it has no standby')
    .action(async (name: string, given: string[], options: { none?: boolean }, self: Command) => {
      const run = startRun(self);
      if ((given.length === 0) !== (options.none === true))
        throw usage('Name each standby as host:port, or say --none.', 'See `sally target nodes --help`.');
      const nodes = given.map(readNode);
      const api = await run.api();
      run.out.live(`Trying it on ${name} …`);
      const body = { settings: { nodes: nodes.length === 0 ? null : nodes } };
      const report = await api.post(path`/api/targets/${name}/settings`, checkReport, { body });
      run.out.settle();
      run.out.data(report, () => [
        nodes.length === 0
          ? `${name} has no standby.`
          : `${name} has ${nodes.length} ${nodes.length === 1 ? 'standby' : 'standbys'} that revocation goes to.`,
        ...describeCheck(report, run.out),
      ]);
      if (!report.ok) run.finish(EXIT.failed);
    });
}
