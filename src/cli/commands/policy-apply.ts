// `sally policy apply <folder>`: proposes the folder as the whole policy. The server checks everything; nothing takes
// effect until a second person has signed the digest that this prints.

import type { Command } from 'commander';
import { type ChangeAnswer, changeAnswer, type FileChange } from '../../api/policy-changes.ts';
import { type Api, path } from '../client.ts';
import { interrupted } from '../exit-codes.ts';
import { changesBetween, policySet, readPolicyFolder, withPack } from '../policy-folder.ts';
import { printable } from '../printable.ts';
import { askYesNo } from '../prompts.ts';
import { changeLines } from '../proposal-lines.ts';
import { leaf, type Run, startRun } from '../run.ts';

const LONGEST_COMMENT = 2000;

interface Options {
  yes?: boolean;
  comment?: string;
  letRunOut?: boolean;
  pack?: string;
}

export function applyCommand(): Command {
  return leaf('apply <folder>', 'propose the policies of a folder; a second person signs them', [
    'policy apply policies --comment "the new team reads orders"',
    'policy apply policies --let-run-out --yes --json',
    'policy apply orders --pack prod/eu/orders',
  ])
    .option('--comment <text>', 'why, for who signs it (default: which files change)')
    .option('--let-run-out', 'live grants that are no longer permitted run out (default: they end)')
    .option('--pack <segment>', 'the folder is the pack of that segment; all else stays')
    .option('-y, --yes', 'do not ask once more; sign it too where nobody else could')
    .action(async (folder: string, options: Options, self: Command) => {
      const run = startRun(self);
      const read = readPolicyFolder(folder);
      const api = await run.api();
      const before = await api.get('/api/policy', policySet);
      const files = options.pack === undefined ? read : withPack(before.files, options.pack, read);
      const changes = changesBetween(before.files, files);
      for (const change of changes) run.out.say(`${change.what.padEnd(8)} ${printable(change.file)}`);
      if (changes.length === 0) {
        run.out.data({ digest: before.digest, inForce: true, changes }, () => [
          'Nothing differs from what is in force.',
          `In force: ${before.digest}`,
        ]);
        return;
      }
      if (run.interactive && options.yes !== true && !(await askYesNo('Propose this?', false))) {
        throw interrupted('Not proposed; nothing was sent.');
      }
      const told = await api.post('/api/policy/proposals', changeAnswer, {
        body: {
          files,
          baseDigest: before.digest,
          comment: options.comment ?? commentFor(changes),
          liveGrants: options.letRunOut === true ? 'run-out' : 'end',
        },
      });
      const done = await signWhereAlone(run, api, told, options.yes === true);
      run.out.data({ digest: done.proposal.digest, changes, ...done }, () => changeLines(done, run.out));
    });
}

// The only person who may change policy proposes and signs in one go, knowing that they do.
async function signWhereAlone(run: Run, api: Api, told: ChangeAnswer, yes: boolean): Promise<ChangeAnswer> {
  const { proposal } = told;
  if (!proposal.soleSigner || !proposal.maySign) return told;
  const alone = 'Nobody else may change policy. Sign it yourself, alone?';
  if (!yes && !(run.interactive && (await askYesNo(alone, false)))) return told;
  return api.post(path`/api/policy/proposals/${proposal.id}/sign`, changeAnswer, {
    body: { digest: proposal.digest },
  });
}

function commentFor(changes: FileChange[]): string {
  const text = changes.map(({ file, what }) => `${file} ${what}`).join(', ');
  return text.length > LONGEST_COMMENT ? `${text.slice(0, LONGEST_COMMENT - 1)}…` : text;
}
