// A value that must not be seen: it prints, serialises and inspects as `[secret]`. Only `reveal()` gives it,
// so a search for `reveal(` lists every place where a secret leaves the program's hands.

import { inspect } from 'node:util';

const HIDDEN = '[secret]';

export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return HIDDEN;
  }

  toJSON(): string {
    return HIDDEN;
  }

  [inspect.custom](): string {
    return HIDDEN;
  }
}
