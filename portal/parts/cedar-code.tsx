// Cedar, coloured, with lines that break where they must.

import { type CedarToken, cedarTokens } from '../words/cedar-tokens.ts';
import styles from './cedar-code.module.css';

export function CedarCode({ text, label }: { text: string; label: string }) {
  return (
    <figure className={styles.code} aria-label={label}>
      <pre>
        <code>
          {placed(cedarTokens(text)).map(({ at, token }) => (
            <span key={at} data-tone={token.tone}>
              {token.text}
            </span>
          ))}
        </code>
      </pre>
    </figure>
  );
}

function placed(tokens: CedarToken[]): { at: number; token: CedarToken }[] {
  let at = 0;
  return tokens.map((token) => {
    const here = at;
    at += token.text.length;
    return { at: here, token };
  });
}
