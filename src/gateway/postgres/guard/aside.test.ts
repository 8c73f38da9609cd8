import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAside } from './aside.ts';

const large = `insert into orders values ${Array.from({ length: 2_000 }, (_, n) => `(${n})`).join(', ')}`;

test('one grant with many large statements keeps nobody waiting, and has a limit of its own', async () => {
  const aside = createAside();
  const answered: string[] = [];
  const ask = async (grantId: string) => {
    const examined = await aside.examine(large, grantId);
    answered.push(examined.ok ? grantId : `${grantId} turned away`);
  };
  const asked = Array.from({ length: 110 }, () => ask('many'));
  asked.push(ask('other'));
  await Promise.all(asked);
  // Two are with the thread, a hundred wait; those turned away hear of it at once.
  assert.deepEqual(answered.slice(0, 8), Array(8).fill('many turned away'));
  assert.ok(answered.indexOf('other') <= 8 + 3, `after ${answered.indexOf('other') - 8} of the others`);
  assert.equal(answered.filter((one) => one === 'many').length, 102);
});
