// What the reader was told, newest first; opening one marks it as read.

import { Button } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { Notice } from '../../src/api/notices.ts';
import { markRead, noticesQuery } from '../api/notices.ts';
import { queries } from '../api/query-client.ts';
import { Empty } from '../parts/empty.tsx';
import { FailureNote } from '../parts/failure-note.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Page } from '../parts/page.tsx';
import styles from '../parts/policy-change-line.module.css';
import { StateBadge } from '../parts/state-badge.tsx';
import { When } from '../parts/when.tsx';
import { noticeTarget } from '../words/notice-target.ts';

export function NoticesPage() {
  const notices = useQuery(noticesQuery);
  const reading = useMutation({
    mutationFn: (ids?: string[]) => markRead(ids),
    onSuccess: () => queries.invalidateQueries({ queryKey: noticesQuery.queryKey }),
  });
  const unread = notices.data?.unread ?? 0;
  return (
    <Page
      title="Notices"
      lead="What you were told because it concerns you. Until chat carries them, they wait here."
      actions={
        <Button
          variant="default"
          disabled={unread === 0}
          loading={reading.isPending}
          onClick={() => reading.mutate(undefined)}
        >
          Mark all as read
        </Button>
      }
    >
      {reading.error === null ? null : <FailureNote error={reading.error} />}
      <Loaded query={notices} rows={3} rowHeight={62}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="Nothing to tell">
              When a statement waits for your yes, glass breaks, a review waits or a kit is yours to take, it
              says so here.
            </Empty>
          ) : (
            <ul className="sp-list sp-panel">
              {items.map((one) => (
                <NoticeLine
                  key={one.id}
                  notice={one}
                  onOpen={() => one.readAt === null && reading.mutate([one.id])}
                />
              ))}
            </ul>
          )
        }
      </Loaded>
    </Page>
  );
}

function NoticeLine({ notice, onOpen }: { notice: Notice; onOpen: () => void }) {
  const target = noticeTarget(notice);
  const words = notice.readAt === null ? <strong>{notice.text}</strong> : notice.text;
  return (
    <li className={styles.line}>
      <div className={styles.main}>
        {'id' in target ? (
          <Link to={target.to} params={{ id: target.id }} className={styles.link} onClick={onOpen}>
            {words}
          </Link>
        ) : (
          <Link to={target.to} className={styles.link} onClick={onOpen}>
            {words}
          </Link>
        )}
      </div>
      {notice.readAt === null ? (
        <StateBadge
          words={{
            word: 'Unread',
            tone: notice.loud ? 'bad' : 'wait',
            meaning: 'You have not opened it yet.',
          }}
        />
      ) : (
        <span />
      )}
      <span className={styles.when}>
        <When at={notice.at} as="ago" />
      </span>
    </li>
  );
}
