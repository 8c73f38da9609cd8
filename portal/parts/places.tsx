// Where one can go: the one list that the side bar, the bottom bar and the menu draw.

import {
  IconBell,
  IconChartBar,
  IconClockHour4,
  IconDoorEnter,
  IconGavel,
  IconHammer,
  IconHandStop,
  IconHeartbeat,
  IconListSearch,
  IconScale,
  IconServer2,
  IconSitemap,
  IconTerminal2,
  IconUserCheck,
  IconUsers,
} from '@tabler/icons-react';
import type { Me } from '../../src/api/people.ts';
import type { Shortcut } from '../words/shortcuts.ts';

export interface Place {
  to: Shortcut['to'];
  label: string;
  Icon: typeof IconClockHour4;
  /** Shown to those who have what it needs. */
  shown: (me: Me) => boolean;
}

const everyone = () => true;
const keepsPeople = (me: Me) => me.rights.some((right) => right !== 'audit');

export const PLACES: Place[] = [
  { to: '/', label: 'My access', Icon: IconClockHour4, shown: everyone },
  { to: '/request', label: 'Request', Icon: IconDoorEnter, shown: everyone },
  { to: '/approvals', label: 'Approvals', Icon: IconUserCheck, shown: everyone },
  { to: '/sessions', label: 'Sessions', Icon: IconTerminal2, shown: everyone },
  { to: '/break-glass', label: 'Break-glass', Icon: IconHammer, shown: (me) => me.kind === 'person' },
  { to: '/notices', label: 'Notices', Icon: IconBell, shown: everyone },
  { to: '/audit', label: 'Audit', Icon: IconListSearch, shown: everyone },
  { to: '/targets', label: 'Targets', Icon: IconServer2, shown: everyone },
  { to: '/map', label: 'Map', Icon: IconSitemap, shown: everyone },
  { to: '/policy', label: 'Policy', Icon: IconScale, shown: everyone },
  { to: '/insights', label: 'Insights', Icon: IconChartBar, shown: everyone },
  {
    to: '/health',
    label: 'Health',
    Icon: IconHeartbeat,
    shown: (me) => me.rights.includes('audit') || me.rights.includes('administer'),
  },
  {
    to: '/policy/changes',
    label: 'Policy changes',
    Icon: IconGavel,
    shown: (me) => me.rights.length > 0,
  },
  { to: '/people', label: 'People', Icon: IconUsers, shown: keepsPeople },
  {
    to: '/kill',
    label: 'Kill switch',
    Icon: IconHandStop,
    shown: (me) => me.rights.includes('administer'),
  },
];
