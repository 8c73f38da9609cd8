// The line that a terminal's cursor is in, as far as it takes to name a command when somebody presses Enter: what is
// typed is not recorded, but what the shell echoed is on the screen. What is not echoed, as a password, is not there.

const ESCAPE = '\x1b';
const LONGEST_LINE = 500;
const LONGEST_SEQUENCE = 64;

export class ScreenLine {
  #cells: string[] = [];
  #column = 0;
  #sequence: string | null = null;
  #fullScreen = false;

  /** null in full-screen programs, whose lines are no commands. */
  text(): string | null {
    if (this.#fullScreen) return null;
    return Array.from(this.#cells, (cell) => cell ?? ' ')
      .join('')
      .trim();
  }

  /** `ended` is called at each end of a line, before the line is gone. */
  take(output: string, ended: () => void): void {
    for (const character of output) {
      if (character === '\n') ended();
      if (this.#sequence !== null) this.#follow(character);
      else if (character === ESCAPE) this.#sequence = '';
      else this.#plain(character);
    }
  }

  #plain(character: string): void {
    if (character === '\n') {
      this.#cells = [];
      this.#column = 0;
    } else if (character === '\r') this.#column = 0;
    else if (character === '\b') this.#column = Math.max(0, this.#column - 1);
    else if (character >= ' ' && character !== '\x7f' && this.#column < LONGEST_LINE) {
      while (this.#cells.length < this.#column) this.#cells.push(' ');
      this.#cells[this.#column++] = character;
    }
  }

  /** CSI sequences that edit a line, and OSC ones (a title) to their end; all others are over after one character. */
  #follow(character: string): void {
    const sequence = `${this.#sequence}${character}`;
    this.#sequence =
      sequence.length > LONGEST_SEQUENCE && sequence[0] !== ']' ? null : sequence.slice(0, 200);
    if (sequence[0] === ']') {
      if (character === '\x07' || character === '\\') this.#sequence = null;
    } else if (sequence[0] !== '[') this.#sequence = null;
    else if (sequence.length > 1 && character >= '@' && character <= '~') {
      this.#sequence = null;
      this.#edit(sequence.slice(1, -1), character);
    }
  }

  #edit(parameters: string, final: string): void {
    const count = Math.min(Math.max(1, Number.parseInt(parameters, 10) || 1), LONGEST_LINE);
    if (final === 'C') this.#column = Math.min(this.#column + count, LONGEST_LINE);
    else if (final === 'D') this.#column = Math.max(0, this.#column - count);
    else if (final === 'G') this.#column = count - 1;
    else if (final === 'P') this.#cells.splice(this.#column, count);
    else if (final === '@') this.#cells.splice(this.#column, 0, ...Array.from({ length: count }, () => ' '));
    else if (final === 'K' && !parameters.startsWith('1'))
      this.#cells.length = Math.min(this.#cells.length, this.#column);
    else if ((final === 'h' || final === 'l') && /^\?(1049|1047|47)$/.test(parameters))
      this.#fullScreen = final === 'h';
  }
}
