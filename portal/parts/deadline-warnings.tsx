// Tells the holder of a grant, on whatever page, when fifteen and when five minutes are left. Once each.

import { notifications } from '@mantine/notifications';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import type { Me } from '../../src/api/people.ts';
import { describeDuration } from '../../src/base/duration.ts';
import { liveGrantsQuery } from '../api/grants.ts';
import { remainingOf } from '../time/remaining.ts';
import { useNow } from '../time/use-now.ts';

export function DeadlineWarnings({ me }: { me: Me }) {
  const grants = useQuery(liveGrantsQuery('mine')).data ?? [];
  const now = useNow();
  const told = useRef(new Set<string>());
  useEffect(() => {
    for (const grant of grants) {
      if (
        grant.principal.id !== me.id ||
        grant.state !== 'active' ||
        grant.claimBy !== null ||
        grant.activatedAt === null ||
        grant.expiresAt === null
      )
        continue;
      const left = remainingOf(Date.parse(grant.activatedAt), Date.parse(grant.expiresAt), now);
      if (left.stage !== 'soon' && left.stage !== 'last') continue;
      const key = `${grant.id} ${grant.expiresAt} ${left.stage}`;
      if (told.current.has(key)) continue;
      told.current.add(key);
      notifications.show({
        title: `${describeDuration(left.seconds)} left`,
        message: `${grant.task} on ${grant.target} shuts soon. Extend it on My access if you need longer.`,
        color: left.stage === 'last' ? 'ember.6' : 'lamp.5',
        autoClose: 12_000,
      });
    }
  }, [grants, me.id, now]);
  return null;
}
