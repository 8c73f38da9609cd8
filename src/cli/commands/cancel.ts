// `sally cancel`: takes back one's own pending request.

import type { Command } from 'commander';
import { submitted } from '../../api/requests.ts';
import { requestSentence } from '../cards.ts';
import { path } from '../client.ts';
import { leaf, startRun } from '../run.ts';

export function command(): Command {
  return leaf('cancel <request-id>', 'take back a pending request', [
    'cancel req_01jd2q0v6w8x9y0z1a2b3c4d5e',
  ]).action(async (id: string, _options: object, self: Command) => {
    const run = startRun(self);
    const api = await run.api();
    const now = await api.post(path`/api/requests/${id}/cancel`, submitted);
    run.out.data(now, () => requestSentence(now.request));
  });
}
