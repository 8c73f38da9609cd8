import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PrincipalView } from '../../src/api/people.ts';
import { groupText, keptText, matching, mayChange, stateOf } from './people.ts';

const person = (more: Partial<PrincipalView> = {}): PrincipalView => ({
  id: 'prn_1',
  name: 'grace',
  displayName: 'Grace Hopper',
  kind: 'person',
  groups: ['dba', 'leads'],
  accountType: 'employee',
  title: null,
  disabled: false,
  fromDirectory: false,
  directoryGroups: [],
  providerGroups: [],
  providerKeeps: [],
  manager: null,
  sponsor: null,
  lastUsedAt: null,
  liveTokens: 1,
  ...more,
});

test('who keeps what is said, and what is kept elsewhere is not changed here', () => {
  assert.equal(mayChange(person(), 'title'), null);
  assert.match(mayChange(person({ fromDirectory: true }), 'title') ?? '', /directory keeps it/);
  const provided = person({ providerKeeps: ['displayName'] });
  assert.match(mayChange(provided, 'displayName') ?? '', /identity provider says it/);
  assert.equal(mayChange(provided, 'title'), null);
  assert.match(keptText(provided), /identity provider/);
  assert.equal(groupText(person({ providerGroups: ['dba'] }), 'dba'), 'dba (provider)');
  assert.equal(groupText(person({ directoryGroups: ['dba'] }), 'leads'), 'leads');
});

test('people are found by every word of what is looked for', () => {
  const people = [
    person(),
    person({ id: 'prn_2', name: 'bot', displayName: 'Bot', kind: 'service', groups: [] }),
  ];
  assert.deepEqual(
    matching(people, 'HOPPER dba').map((one) => one.name),
    ['grace'],
  );
  assert.deepEqual(
    matching(people, 'service').map((one) => one.name),
    ['bot'],
  );
  assert.equal(matching(people, ' ').length, 2);
  assert.equal(matching(people, 'grace nobody').length, 0);
});

test('a state is never told by colour alone', () => {
  assert.equal(stateOf(person({ disabled: true })).word, 'Disabled');
  assert.equal(stateOf(person({ liveTokens: 0 })).word, 'No token');
  assert.equal(stateOf(person()).word, 'Active');
});
