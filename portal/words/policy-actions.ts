// The actions of policies, as people say them.

import type { PolicyView } from '../../src/api/policies.ts';

export const ACTION_WORDS: Record<PolicyView['actions'][number], string> = {
  request: 'Ask for a task',
  autoApprove: 'Get it at once',
  connect: 'Open sessions',
  exec: 'Run commands',
  extend: 'Extend grants',
  breakGlass: 'Break glass',
  approve: 'Decide on requests',
  administer: 'Administer Sallyport',
  audit: 'Audit Sallyport',
  changePolicy: 'Change policies',
};
