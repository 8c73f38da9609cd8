// Notices: what somebody is told without having asked, until chat and mail carry it too.

import { z } from 'zod';
import { idText, pageOf, pageQuery, timestamp } from './text.ts';

export const noticeKind = z.enum([
  'break-glass',
  'review',
  'review-decided',
  'drill',
  'kit',
  'kit-stale',
  'statement',
]);
export type NoticeKind = z.infer<typeof noticeKind>;

export const notice = z.object({
  id: idText,
  kind: noticeKind,
  /** What it is about: a review for `break-glass` and the reviews, a drill, a kit, a statement that waits. */
  subjectId: idText,
  text: z.string(),
  /** Wants to be seen now. */
  loud: z.boolean(),
  at: timestamp,
  readAt: timestamp.nullable(),
});
export type Notice = z.infer<typeof notice>;

export const noticeQuery = pageQuery.extend({ unread: z.stringbool().default(false) });
export const noticePage = pageOf(notice).extend({
  /** All of them, not only this page's. */
  unread: z.number().int(),
});

export const MOST_READ_AT_ONCE = 200;
/** Which ones; left out: all. */
export const readNoticesBody = z.object({ ids: z.array(idText).min(1).max(MOST_READ_AT_ONCE).optional() });
export const readNotices = z.object({ read: z.number().int() });
