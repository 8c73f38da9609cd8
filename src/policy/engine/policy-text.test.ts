import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePolicies } from './compile.ts';
import { textOf } from './policy-text.ts';

const texts = (text: string) => {
  const { rules } = compilePolicies({ 'a.cedar': text });
  return rules.map((rule) => textOf(rule, rules, text));
};

test('a policy from its first annotation to its semicolon, without the comments of the next', () => {
  const one = '@id("one")\n@description("a; b // c")\nforbid (principal, action, resource) // here; not\n;';
  const two = 'permit (principal, action == Action::"connect", resource);';
  assert.deepEqual(texts(`// Head.\n\n${one}\n\n// About two; it is short.\n${two} // after`), [one, two]);
});

test('two in one line are told in the form of Cedar itself', () => {
  const [one, two] = texts(
    '@id("x") forbid (principal, action, resource); @id("y") forbid (principal, action, resource);',
  );
  assert.match(one ?? '', /^@id\("x"\)\s+forbid[^;]*;$/);
  assert.doesNotMatch(one ?? '', /"y"/);
  assert.match(two ?? '', /"y"/);
});
