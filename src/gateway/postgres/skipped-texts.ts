// The names of a pipeline that the server skips after an error, up to its Sync: only for the words of the record. What
// they hold is counted, because a client may never send that Sync.

export class SkippedTexts {
  readonly #texts = new Map<string, string>();
  /** Of statements and of all names; a portal's text is its statement's. */
  characters = 0;

  statement(name: string): string | undefined {
    return this.#texts.get(`S${name}`);
  }

  portal(name: string): string | undefined {
    return this.#texts.get(`P${name}`);
  }

  addStatement(name: string, text: string): void {
    const key = `S${name}`;
    this.characters += text.length - (this.#texts.get(key)?.length ?? -key.length);
    this.#texts.set(key, text);
  }

  addPortal(name: string, text: string): void {
    const key = `P${name}`;
    if (!this.#texts.has(key)) this.characters += key.length;
    this.#texts.set(key, text);
  }

  clear(): void {
    this.#texts.clear();
    this.characters = 0;
  }
}
