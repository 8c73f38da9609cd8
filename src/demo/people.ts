// Who is in the demo, and what each is there to show.

import type { NewPrincipal } from '../identity/principals.ts';

export interface DemoPrincipal extends NewPrincipal {
  /** What signing in as them is good for. */
  does: string;
}

export const DEMO_PRINCIPALS: DemoPrincipal[] = [
  {
    kind: 'person',
    name: 'engineer',
    displayName: 'Erin Engineer',
    title: 'Backend engineer',
    groups: ['engineering'],
    does: 'asks for privileges and uses them',
  },
  {
    kind: 'person',
    name: 'approver',
    displayName: 'Amal Approver',
    title: 'Team lead, orders',
    groups: ['engineering', 'approvers'],
    does: 'decides on requests',
  },
  {
    kind: 'person',
    name: 'second-approver',
    displayName: 'Sam Second',
    title: 'Database reliability',
    groups: ['engineering', 'approvers'],
    does: 'decides where two people are needed',
  },
  {
    kind: 'person',
    name: 'auditor',
    displayName: 'Ada Auditor',
    title: 'Internal audit',
    groups: ['auditors'],
    does: 'reads the log, sessions and standing access',
  },
  {
    kind: 'person',
    name: 'admin',
    displayName: 'Alex Admin',
    title: 'Platform engineer',
    groups: ['administrators'],
    does: 'connects targets, keeps tasks and policies',
  },
  {
    kind: 'service',
    name: 'deploy-bot',
    displayName: 'Deploy bot',
    groups: ['pipelines'],
    does: 'elevates for one deploy',
  },
];
