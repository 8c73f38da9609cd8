// What looks like a card, an account or a person's number in any text: the second net of masked sessions, wherever it
// was computed, and what samples of columns are looked through for. Each pattern has a checksum where there is one, so that order numbers and
// timestamps stay what they are. The match alone is replaced, by its token.
// Sources: ISO/IEC 7812 (Luhn), ISO 13616 (IBAN, mod 97-10), E.164, PESEL, BSN ("elfproef"), DNI/NIE, NIR.

export type PatternClass = (text: string, token: (match: string) => string) => string;

/** Longer texts are looked at in their beginning only: a match costs time that grows with the text. */
const LONGEST_TEXT = 1024 * 1024;

const CARD = /(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.])/g;
const IBAN = /(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?![A-Za-z0-9])/g;
const MAIL =
  /[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9-]{1,63})+/g;
const PHONE = /(?<![\d+])\+[1-9](?:[ ().-]{0,2}\d){7,14}(?!\d)/g;
const NATIONAL =
  /(?<![A-Za-z0-9])(?:\d{11}|\d{9}|[XYZ]?\d{7,8}-?[A-Z]|[12]\d{2}(?:0[1-9]|1[0-2])[0-9AB]{2}\d{8}|\d{3}-\d{2}-\d{4})(?![A-Za-z0-9])/g;

const CLASSES: Readonly<Record<string, PatternClass>> = {
  cards: within(CARD, (match) => isCard(match.replace(/\D/g, ''))),
  iban: within(IBAN, (match) => isIban(match.replaceAll(' ', ''))),
  mail: within(MAIL, () => true),
  phone: within(PHONE, () => true),
  'national-ids': within(NATIONAL, isNationalId),
};

/** Names that `@mask` may use for patterns; every other name is a class of labelled columns. */
export const PATTERN_NAMES: readonly string[] = Object.keys(CLASSES);

export function patternsOf(classes: readonly string[]): PatternClass[] {
  return classes.flatMap((name) => (Object.hasOwn(CLASSES, name) ? [CLASSES[name] ?? keep] : []));
}

/** Which classes the text holds something of. */
export function foundIn(text: string): string[] {
  return PATTERN_NAMES.filter((name) => {
    let found = false;
    CLASSES[name]?.(text, (match) => {
      found = true;
      return match;
    });
    return found;
  });
}

const keep: PatternClass = (text) => text;

function within(pattern: RegExp, holds: (match: string) => boolean): PatternClass {
  return (text, token) =>
    text.length > LONGEST_TEXT
      ? token(text)
      : text.replace(pattern, (match) => (holds(match) ? token(match) : match));
}

/** ISO/IEC 7812-1, annex B. A run of one digit passes the sum and is no card. */
export function isCard(digits: string): boolean {
  if (/^(\d)\1*$/.test(digits) || !/^[2-6]/.test(digits)) return false;
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    const doubled = i % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** ISO 13616: the first four characters go to the end, letters count from 10, and the whole leaves 1 modulo 97. */
export function isIban(text: string): boolean {
  if (text.length < 15 || text.length > 34) return false;
  const moved = text.slice(4) + text.slice(0, 4);
  let rest = 0;
  for (const character of moved) rest = Number(`${rest}${Number.parseInt(character, 36)}`) % 97;
  return rest === 1;
}

function isNationalId(match: string): boolean {
  if (/^\d{3}-\d{2}-\d{4}$/.test(match)) return isSocialSecurity(match);
  if (/^\d{11}$/.test(match)) return weighted(match, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1], 10);
  if (/^\d{9}$/.test(match))
    return match !== '000000000' && weighted(match, [9, 8, 7, 6, 5, 4, 3, 2, -1], 11);
  if (/[A-Z]$/.test(match)) return isSpanish(match.replace('-', ''));
  return isFrench(match);
}

/** United States: no checksum; numbers that were never given are left out (SSA, "randomization"). */
function isSocialSecurity(match: string): boolean {
  return !/^(000|666|9)/.test(match) && !match.includes('-00-') && !match.endsWith('-0000');
}

/** PESEL and BSN: the weighted sum is a multiple. */
function weighted(digits: string, weights: number[], modulus: number): boolean {
  return weights.reduce((sum, weight, i) => sum + weight * Number(digits[i]), 0) % modulus === 0;
}

/** DNI and NIE: the letter is the number modulo 23; X, Y and Z stand for 0, 1 and 2. */
function isSpanish(text: string): boolean {
  const digits = text.slice(0, -1).replace(/^[XYZ]/, (letter) => String('XYZ'.indexOf(letter)));
  return 'TRWAGMYFPDXBNJZSQVHLCKE'[Number(digits) % 23] === text.at(-1);
}

/** NIR: the last two digits are 97 less the rest modulo 97; Corsica's 2A and 2B count as 19 and 18. */
function isFrench(text: string): boolean {
  const body = text.slice(0, 13).replace('2A', '19').replace('2B', '18');
  return /^\d{13}$/.test(body) && 97 - Number(BigInt(body) % 97n) === Number(text.slice(13));
}
