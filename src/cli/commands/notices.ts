// `sally notices`: what one was told, and marking it read.

import type { Command } from 'commander';
import { MOST_READ_AT_ONCE, notice as noticeSchema, readNotices } from '../../api/notices.ts';
import { addLimit, limitFrom } from '../lists.ts';
import { printable } from '../printable.ts';
import { leaf, startRun } from '../run.ts';
import { relative } from '../times.ts';

interface Options {
  unread?: boolean;
  read?: boolean;
  limit: string;
}

export function command(): Command {
  const list = leaf('notices', 'what you were told, newest first', [
    'notices --unread',
    'notices --read',
    'notices --json',
  ])
    .option('--unread', 'only those that are unread')
    .option('--read', 'mark what is shown as read');
  return addLimit(list).action(async (options: Options, self: Command) => {
    const run = startRun(self);
    const api = await run.api();
    const rows = await api.list(
      '/api/notices',
      noticeSchema,
      { unread: options.unread === true ? 'true' : undefined },
      limitFrom(options.limit),
    );
    const now = api.nowMs();
    if (rows.length === 0 && !run.out.json) run.out.say('Nothing to tell.');
    else
      run.out.data(rows, () =>
        rows.map((one) => {
          const line = `${one.readAt === null ? '*' : ' '} ${relative(one.at, now)}: ${printable(one.text)} (${one.subjectId})`;
          return run.out.paint(one.readAt !== null ? 'dim' : one.loud ? 'bad' : 'strong', line);
        }),
      );
    const unread = rows.filter((one) => one.readAt === null).map((one) => one.id);
    if (options.read !== true) return;
    for (let at = 0; at < unread.length; at += MOST_READ_AT_ONCE)
      await api.post('/api/notices/read', readNotices, {
        body: { ids: unread.slice(at, at + MOST_READ_AT_ONCE) },
      });
  });
}
