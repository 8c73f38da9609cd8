// `npm run check`: format, lint and types, and nothing else.

import { checks, runCheck } from './harness/checks.ts';

for (const check of checks) {
  if (check.skip !== false) {
    console.log(`- ${check.name}: skipped, ${check.skip}`);
    continue;
  }
  const { passed, output } = await runCheck(check);
  console.log(`${passed ? '✔' : '✖'} ${check.name}`);
  if (!passed) {
    console.log(output);
    process.exitCode = 1;
  }
}
