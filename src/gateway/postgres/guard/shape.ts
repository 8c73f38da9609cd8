// The shape of a statement: its text with every plain literal replaced by a mark, so that `… WHERE aid = 1` and
// `… WHERE aid = 2` are one shape and their verdict is found without parsing.
//
// Why this is sound. PostgreSQL's grammar sees the kind of a literal token, never its value, so two texts of one
// shape have the same parse tree but for the values of constants; analyse.ts says whether a verdict looked at a value
// (`literalsMatter`), and only verdicts that did not are kept by shape. What must hold here is that two texts of one
// shape are the same sequence of tokens. So this reads a small part of the lexical grammar only and gives up (null)
// on everything else: comments, backslashes, E'' U&'' B'' X'' N'' and dollar strings, numbers other than digits with
// at most one point between them, bytes beyond ASCII outside a literal, control characters. Everything that is not
// a literal is copied as it is. Whole numbers of ten digits or more get a mark of their own: to the lexer they are
// another kind of token. The session's standard_conforming_strings is on (we set it, and the guard keeps it).

const LONGEST_SHAPED = 8_192;
const MARK_INTEGER = '\x01';
const MARK_LONG_INTEGER = '\x02';
const MARK_DECIMAL = '\x03';
const MARK_STRING = '\x04';
// Whole numbers of up to nine digits always fit PostgreSQL's int4, so they are always ICONST.
const SURELY_INT4_DIGITS = 9;

const PLAIN = 0;
const IDENTIFIER = 1;
const DIGIT = 2;
const QUOTE = 3;
const DOUBLE_QUOTE = 4;
const GIVE_UP = 5;
const DOLLAR = 6;
const MAYBE_COMMENT = 7; // - and /

const CLASSES = classes();

function classes(): Uint8Array {
  const table = new Uint8Array(128).fill(GIVE_UP);
  for (const plain of ' \t\n\r\f!#%&()*+,.:;<=>?@[]^`{|}~') table[plain.charCodeAt(0)] = PLAIN;
  for (let c = 0; c < 128; c++) {
    const character = String.fromCharCode(c);
    if (/[A-Za-z_]/.test(character)) table[c] = IDENTIFIER;
    if (/[0-9]/.test(character)) table[c] = DIGIT;
  }
  table[0x27] = QUOTE;
  table[0x22] = DOUBLE_QUOTE;
  table[0x24] = DOLLAR;
  table[0x2d] = MAYBE_COMMENT;
  table[0x2f] = MAYBE_COMMENT;
  return table;
}

/** The shape, or null for a text that this does not read. */
export function shapeOf(text: string): string | null {
  const length = text.length;
  if (length > LONGEST_SHAPED) return null;
  let shape = '';
  let copied = 0;
  let at = 0;
  while (at < length) {
    const code = text.charCodeAt(at);
    const kind = code < 128 ? CLASSES[code] : GIVE_UP;
    if (kind === PLAIN) at++;
    else if (kind === IDENTIFIER) {
      at = identifierEnd(text, at + 1);
      // E'…', U&"…", B'…' and the like: strings and names with rules of their own.
      const next = text.charCodeAt(at);
      if (next === 0x27 || next === 0x22) return null;
      if (next === 0x26 && isQuote(text.charCodeAt(at + 1))) return null;
    } else if (kind === DIGIT) {
      const end = numberEnd(text, at);
      if (end < 0) return null;
      shape += text.slice(copied, at) + numberMark(text, at, end);
      at = end;
      copied = end;
    } else if (kind === QUOTE) {
      const end = stringEnd(text, at + 1);
      if (end < 0) return null;
      shape += text.slice(copied, at) + MARK_STRING;
      at = end;
      copied = end;
    } else if (kind === DOUBLE_QUOTE) {
      at = quotedNameEnd(text, at + 1);
      if (at < 0) return null;
    } else if (kind === DOLLAR) {
      at = parameterEnd(text, at + 1);
      if (at < 0) return null;
    } else if (kind === MAYBE_COMMENT) {
      const next = text.charCodeAt(at + 1);
      if (code === 0x2d ? next === 0x2d : next === 0x2a) return null;
      at++;
    } else return null;
  }
  return copied === 0 ? text : shape + text.slice(copied);
}

function isQuote(code: number): boolean {
  return code === 0x27 || code === 0x22;
}

/** Letters, digits, underscore, and the dollar that PostgreSQL allows inside a name. */
function isNamePart(code: number): boolean {
  if (code >= 128) return true;
  const kind = CLASSES[code];
  return kind === IDENTIFIER || kind === DIGIT || kind === DOLLAR;
}

function identifierEnd(text: string, from: number): number {
  let at = from;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    // A letter beyond ASCII inside a name: the caller meets it next, and gives up.
    if (code >= 128 || !isNamePart(code)) break;
    at++;
  }
  return at;
}

/** Digits, at most one point with digits after it, and nothing attached. -1 for every other number. */
function numberEnd(text: string, from: number): number {
  let at = from;
  while (CLASSES[text.charCodeAt(at)] === DIGIT) at++;
  if (text.charCodeAt(at) === 0x2e) {
    at++;
    if (CLASSES[text.charCodeAt(at)] !== DIGIT) return -1;
    while (CLASSES[text.charCodeAt(at)] === DIGIT) at++;
    if (text.charCodeAt(at) === 0x2e) return -1;
  }
  return at < text.length && (isNamePart(text.charCodeAt(at)) || isQuote(text.charCodeAt(at))) ? -1 : at;
}

function numberMark(text: string, from: number, end: number): string {
  for (let at = from; at < end; at++) if (text.charCodeAt(at) === 0x2e) return MARK_DECIMAL;
  return end - from > SURELY_INT4_DIGITS ? MARK_LONG_INTEGER : MARK_INTEGER;
}

/** After the closing quote; `''` stays inside. -1 with a backslash, a control character, or no end. */
function stringEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x27) {
      if (text.charCodeAt(at + 1) !== 0x27) return at + 1;
      at++;
    } else if (code === 0x5c || code < 9) return -1;
  }
  return -1;
}

function quotedNameEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      if (text.charCodeAt(at + 1) !== 0x22) return at + 1;
      at++;
    } else if (code < 32) return -1;
  }
  return -1;
}

/** `$1`, with nothing attached: kept as it is. */
function parameterEnd(text: string, from: number): number {
  let at = from;
  while (CLASSES[text.charCodeAt(at)] === DIGIT) at++;
  return at === from || isNamePart(text.charCodeAt(at)) ? -1 : at;
}
