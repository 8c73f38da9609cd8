// `sally policy test`: the cases of a folder's tests.yaml against the policies in force. It changes nothing.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { parse } from 'yaml';
import { z } from 'zod';
import { explainBody, type Outcome, outcome, preview } from '../../api/requests.ts';
import { Failure, messageOf } from '../../base/errors.ts';
import { EXIT, usage } from '../exit-codes.ts';
import { printable } from '../printable.ts';
import { leaf, startRun } from '../run.ts';

const MOST_CASES = 1000;

const testCase = explainBody.extend({ name: z.string().optional(), expect: outcome });
const testFile = z.object({ cases: z.array(testCase).min(1).max(MOST_CASES) });

export function testCommand(): Command {
  return leaf('test <folder>', 'run the cases of tests.yaml against the policies in force', [
    'policy test policies',
  ])
    .addHelpText(
      'after',
      '\ntests.yaml:\n  cases:\n    - {principal: engineer, target: orders-db, task: read-orders, duration: 1h, expect: allow}\n    - {principal: engineer, target: orders-db, task: change-schema, expect: needs-approval}',
    )
    .action(async (folder: string, _options: object, self: Command) => {
      const run = startRun(self);
      const { cases } = readCases(join(folder, 'tests.yaml'));
      const api = await run.api();
      const results: { name: string; expected: Outcome; outcome: Outcome; ok: boolean }[] = [];
      for (const { name, expect, ...body } of cases) {
        const told = await api.post('/api/policy/explain', preview, { body });
        const title =
          name ?? `${body.principal ?? 'you'}: ${body.task} on ${body.target} for ${body.duration}`;
        results.push({
          name: title,
          expected: expect,
          outcome: told.decision.outcome,
          ok: told.decision.outcome === expect,
        });
      }
      const failed = results.filter((result) => !result.ok);
      run.out.data({ ok: failed.length === 0, cases: results }, () => [
        ...results.map((r) =>
          r.ok
            ? `${run.out.paint('good', 'ok  ')}  ${printable(r.name)}`
            : `${run.out.paint('bad', 'fail')}  ${printable(r.name)}: expected ${r.expected}, policy says ${r.outcome}`,
        ),
        `${results.length - failed.length} of ${results.length} cases are as expected.`,
      ]);
      if (failed.length > 0) run.finish(EXIT.failed);
    });
}

function readCases(file: string): z.infer<typeof testFile> {
  let raw: unknown;
  try {
    raw = parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Failure('invalid', 'unreadable-file', `${file} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const parsed = testFile.safeParse(raw);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw usage(
    `${file}: ${issue?.path.join('.') || 'the document'}: ${issue?.message}`,
    'See `sally policy test --help`.',
  );
}
