// Words put together into one text: what is said of one subject is said together, and a list inside a list is kept
// apart, so that nobody can read it the other way.

/** `the duration` `is` `at most 1 h`: kept apart, so that what is said of one subject can be said together. */
export interface Said {
  subject: string;
  verb: string;
  rest: string;
}
export type Words = Said | string;

/** Several words as one text: `a and b`. `nested` where it stands inside another list. */
export function joined(words: readonly Words[], connective: 'and' | 'or', nested = false): string {
  const runs: Said[][] = [];
  const phrases: (Words | Said[])[] = [];
  for (const one of words) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    const goesOn =
      typeof one !== 'string' &&
      last?.subject === one.subject &&
      last.verb === one.verb &&
      !one.verb.endsWith('either') &&
      phrases.at(-1) === run;
    if (goesOn) run?.push(one);
    else if (typeof one === 'string') phrases.push(one);
    else {
      const fresh = [one];
      runs.push(fresh);
      phrases.push(fresh);
    }
  }
  const alone = phrases.length === 1;
  const texts = phrases.map((phrase) =>
    typeof phrase === 'string'
      ? phrase
      : together(Array.isArray(phrase) ? phrase : [phrase], connective, alone && nested),
  );
  const text = list(texts, connective);
  return nested && !alone ? `(${text})` : text;
}

export function plainText(words: Words): string {
  return typeof words === 'string' ? words : `${words.subject} ${words.verb} ${words.rest}`;
}

/** `a`, `a and b`, `a, b and c`. */
export function list(texts: readonly string[], connective: 'and' | 'or' | 'nor'): string {
  const last = texts.at(-1) ?? '';
  return texts.length < 2 ? last : `${texts.slice(0, -1).join(', ')} ${connective} ${last}`;
}

function together(run: readonly Said[], connective: 'and' | 'or', nested: boolean): string {
  const [first] = run;
  if (first === undefined) return '';
  const { subject, verb } = first;
  const rests = run.map(({ rest }) => rest);
  if (rests.length === 1) return `${subject} ${verb} ${first.rest}`;
  const repeated = verb.endsWith(' not')
    ? rests.map((rest, index) => (index === 0 ? rest : `not ${rest}`))
    : rests;
  const either = nested && connective === 'or' && !verb.endsWith(' not') ? 'either ' : '';
  return `${subject} ${verb} ${either}${list(repeated, connective)}`;
}
