// Where a click on a notice goes.

import type { Notice } from '../../src/api/notices.ts';

export type NoticeTarget = { to: '/reviews/$id' | '/statements/$id'; id: string } | { to: '/break-glass' };

export function noticeTarget(one: Pick<Notice, 'kind' | 'subjectId'>): NoticeTarget {
  if (one.kind === 'statement') return { to: '/statements/$id', id: one.subjectId };
  return one.subjectId.startsWith('rvw_')
    ? { to: '/reviews/$id', id: one.subjectId }
    : { to: '/break-glass' };
}
