// Cedar taken apart for colouring: every character of the text is in exactly one token, in order.

export type CedarTone = 'effect' | 'note' | 'word' | 'name' | 'text' | 'comment' | 'plain';

export interface CedarToken {
  text: string;
  tone: CedarTone;
}

const TOKEN =
  /(?<comment>\/\/[^\n]*)|(?<text>"(?:[^"\\]|\\.)*"?)|(?<note>@[A-Za-z_]\w*)|(?<effect>\b(?:permit|forbid)\b)|(?<name>\b[A-Z]\w*(?=::))|(?<word>\b(?:when|unless|if|then|else|in|is|has|like|true|false|principal|action|resource|context)\b)/gs;
const TONES: CedarTone[] = ['comment', 'text', 'note', 'effect', 'name', 'word'];

export function cedarTokens(text: string): CedarToken[] {
  const tokens: CedarToken[] = [];
  let at = 0;
  const plain = (end: number) => {
    if (end > at) tokens.push({ text: text.slice(at, end), tone: 'plain' });
  };
  for (const match of text.matchAll(TOKEN)) {
    plain(match.index);
    const tone = TONES.find((known) => match.groups?.[known] !== undefined) ?? 'plain';
    tokens.push({ text: match[0], tone });
    at = match.index + match[0].length;
  }
  plain(text.length);
  return tokens;
}
