// The thread of `compileAside`: one set, one answer, and it ends.

import { parentPort, workerData } from 'node:worker_threads';
import { Failure } from '../../base/errors.ts';
import { readPolicies } from './compile.ts';
import type { CompileMessage } from './compile-aside.ts';

const say = (message: CompileMessage) => parentPort?.postMessage(message);

try {
  const { digest } = readPolicies(workerData, (rules) => say({ is: 'rules', rules }));
  say({ is: 'done', digest });
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  const { kind, code, message, field, hint, facts } = error;
  const detail = {
    ...(field === undefined ? {} : { field }),
    ...(hint === undefined ? {} : { hint }),
    ...(facts === undefined ? {} : { facts }),
  };
  say({ is: 'refused', kind, code, message, detail });
}
