// `sally label`: which columns of a target hold personal data, cards or secrets. Policy masks by these labels.

import type { Command } from 'commander';
import { labelList, type SetLabelsBody, type SuggestedLabel, suggestedLabels } from '../../api/labels.ts';
import { path } from '../client.ts';
import { usage } from '../exit-codes.ts';
import { showTable } from '../lists.ts';
import { printable } from '../printable.ts';
import { group, leaf, startRun } from '../run.ts';

export function command(): Command {
  return group('label', 'label columns that hold personal or secret data', [
    listCommand(),
    suggestCommand(),
    setCommand(),
    removeCommand(),
  ]);
}

const COLUMNS = [
  { title: 'COLUMN', cell: (one: { column: string }) => one.column, whole: true },
  { title: 'LABEL', cell: (one: { label: string }) => one.label, whole: true },
  { title: 'DATABASE', cell: (one: { database: string }) => one.database },
];

function listCommand(): Command {
  return leaf('list <target>', 'list labelled columns', ['label list orders-db']).action(
    async (target: string, _options: object, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      const { items } = await api.get(path`/api/targets/${target}/labels`, labelList);
      showTable(run, items, {
        none: `No column is labelled yet: sally label suggest ${target}.`,
        columns: [...COLUMNS, { title: 'SET BY', cell: (one) => one.setBy }],
      });
    },
  );
}

function suggestCommand(): Command {
  return leaf('suggest <target>', 'columns that look as if they held such data', [
    'label suggest orders-db',
    'label suggest orders-db --names-only',
  ])
    .option('--names-only', 'look at the names of columns alone; read nothing of the data')
    .action(async (target: string, options: { namesOnly?: true }, self: Command) => {
      const run = startRun(self);
      const api = await run.api();
      const sample = options.namesOnly === true ? 'no' : 'yes';
      const found = await api.post(
        `${path`/api/targets/${target}/labels/suggest`}?sample=${sample}`,
        suggestedLabels,
      );
      showTable(run, found.items, {
        none: 'Nothing that is not labelled looks like it.',
        columns: [...COLUMNS, { title: 'BECAUSE OF', cell: because }],
      });
      const { sampled, unread } = found.tables;
      if (sampled + unread > 0)
        run.out.say(`Read samples of ${sampled} tables; ${unread} could not be read.`);
      const words = found.items.map((one) => shellWord(`${one.column}=${one.label}`)).join(' ');
      if (words !== '') run.out.say(`To confirm them: sally label set ${shellWord(target)} ${words}`);
    });
}

/** As a shell takes it for one word: the names are the target's, and somebody will paste them. */
function shellWord(text: string): string {
  return /^[\w.=@:/-]+$/.test(text) ? text : `'${printable(text).replaceAll("'", `'\\''`)}'`;
}

function because({ because: reasons, looksLike, sampled, matching }: SuggestedLabel): string {
  return reasons
    .map((reason) =>
      reason === 'name' ? 'its name' : `${matching} of ${sampled} values look like ${looksLike}`,
    )
    .join(', ');
}

function setCommand(): Command {
  return leaf('set <target> <column=label...>', 'label columns: schema.table.column=label', [
    'label set orders-db public.customers.email=pii public.customers.phone=pii',
  ])
    .option('--database <name>', 'another database of the server')
    .action(async (target: string, words: string[], options: { database?: string }, self: Command) => {
      const labels = words.map((word) => {
        const [column = '', label = '', ...more] = word.split('=');
        if (column === '' || label === '' || more.length > 0)
          throw usage(`"${word}" is not a column and a label.`, 'Write schema.table.column=label.');
        return { column, label };
      });
      await change(target, labels, options, self);
    });
}

function removeCommand(): Command {
  return leaf('remove <target> <column...>', 'take labels away', [
    'label remove orders-db public.customers.email',
  ])
    .option('--database <name>', 'another database of the server')
    .action(async (target: string, columns: string[], options: { database?: string }, self: Command) => {
      await change(
        target,
        columns.map((column) => ({ column, label: null })),
        options,
        self,
      );
    });
}

async function change(
  target: string,
  labels: SetLabelsBody['labels'],
  options: { database?: string },
  self: Command,
): Promise<void> {
  const run = startRun(self);
  const api = await run.api();
  const { database } = options;
  const where = database === undefined ? {} : { database };
  const body: SetLabelsBody = { labels: labels.map((one) => ({ ...one, ...where })) };
  const set = await api.post(path`/api/targets/${target}/labels`, labelList, { body });
  run.out.data(set, () => [`${target} has ${set.items.length} labelled columns.`]);
}
