// Values that are written as words: `SET my.tenant = acme`. PostgreSQL takes any word there, and applications keep data in
// settings of their own, which are those with a dot in their name (PostgreSQL documentation, "Customized Options").

/** Statements that may set one; UPDATE's SET is another. */
const SETTING_STATEMENTS: ReadonlySet<string> = new Set(['set', 'alter', 'create']);

/** Follows one text, token by token, comments left out. */
export class SettingWatch {
  /** Where in `SET [SESSION | LOCAL] name.name {TO | =} value` it is; a value goes on to the end of its statement. */
  #place: 'start' | 'elsewhere' | 'set' | 'name' | 'custom' | 'value' = 'start';
  #mayBeSet = false;

  /** `before`: what stands between the last token and this one. */
  isValue(before: string, token: string): boolean {
    if (before.includes(';')) this.#place = 'start';
    const word = token.toLowerCase();
    const sign = before.slice(before.lastIndexOf(';') + 1).trim();
    switch (this.#place) {
      case 'start':
        this.#mayBeSet = SETTING_STATEMENTS.has(word);
        this.#place = word === 'set' ? 'set' : 'elsewhere';
        return false;
      case 'elsewhere':
        if (this.#mayBeSet && word === 'set') this.#place = 'set';
        return false;
      case 'set':
        if (word !== 'session' && word !== 'local') this.#place = 'name';
        return false;
      case 'name':
        this.#place = sign === '.' ? 'custom' : word === 'set' ? 'set' : 'elsewhere';
        return false;
      case 'custom':
        if (sign === '=') {
          this.#place = 'value';
          return true;
        }
        if (sign !== '.') this.#place = word === 'to' ? 'value' : 'elsewhere';
        return false;
      case 'value':
        return true;
    }
  }
}
