// PostgreSQL's own parser (libpg-query, WebAssembly) as a thing that one bad statement cannot take from everybody.
// Measured: `select 1+1+1…` with 300,000 terms overflows the stack inside the module; after some 25 of those every
// later parse fails with "out of memory" for good. So an instance that ended badly, or grew, is thrown away, and a
// fresh one is made in its place; the package's own loader keeps one for ever, hence the binding here.

import { createRequire } from 'node:module';

/** A node of the parse tree as libpg-query writes it: JSON. */
export type Tree = null | boolean | number | string | Tree[] | { [key: string]: Tree };

export type Parsed =
  | { ok: true; statements: Tree[] }
  /** `position` counts characters from 1, 0 when unknown. `syntax` is the parser's own verdict on the text. */
  | { ok: false; fault: 'syntax' | 'too-complex' | 'unavailable'; message: string; position: number };

export interface Parser {
  /** Resolves when a first instance is ready. */
  ready: Promise<void>;
  parse(text: string): Parsed;
}

interface Module {
  _malloc(bytes: number): number;
  _free(pointer: number): void;
  _wasm_parse_query_raw(text: number): number;
  _wasm_free_parse_result(result: number): void;
  lengthBytesUTF8(text: string): number;
  stringToUTF8(text: string, pointer: number, bytes: number): void;
  UTF8ToString(pointer: number): string;
  getValue(pointer: number, type: 'i32'): number;
  HEAPU8: Uint8Array;
}

type Factory = (options: {
  printErr: (line: string) => void;
  print: (line: string) => void;
}) => Promise<Module>;

const factory: Factory = createRequire(import.meta.url)('libpg-query/wasm/libpg-query.js');

// Memory of a WebAssembly instance never shrinks; it begins at 128 MiB of address space (touched only as it is
// used), and a fresh one takes some 10 ms.
const LARGEST_INSTANCE_BYTES = 192 * 1024 * 1024;

export function createParser(): Parser {
  let current: Module | null = null;
  let spare: Module | null = null;
  const fill = async (): Promise<void> => {
    if (current === null) current = await instantiate();
    if (spare === null) spare = await instantiate();
  };
  const replace = () => {
    current = spare;
    spare = null;
    void fill();
  };
  return {
    ready: fill(),
    parse(text) {
      // The parser stops at a zero byte, and so would read less than was sent.
      const zero = text.indexOf('\0');
      if (zero >= 0)
        return { ok: false, fault: 'syntax', message: 'a zero byte in a statement', position: zero + 1 };
      if (current === null) {
        return {
          ok: false,
          fault: 'unavailable',
          message: 'The statement cannot be read just now. Try again.',
          position: 0,
        };
      }
      try {
        const parsed = parseWith(current, text);
        if (current.HEAPU8.length > LARGEST_INSTANCE_BYTES) replace();
        return parsed;
      } catch {
        // A trap (stack, exit): whatever the cause, the text is not one that we can vouch for.
        replace();
        return {
          ok: false,
          fault: 'too-complex',
          message: 'The statement is nested too deeply to be read.',
          position: 0,
        };
      }
    },
  };
}

function instantiate(): Promise<Module> {
  const silent = () => undefined;
  return factory({ print: silent, printErr: silent });
}

/** Errors: anything that the instance traps with, and RangeError for a tree that is too deep for JSON. */
function parseWith(module: Module, text: string): Parsed {
  const bytes = module.lengthBytesUTF8(text) + 1;
  const pointer = module._malloc(bytes);
  module.stringToUTF8(text, pointer, bytes);
  const result = module._wasm_parse_query_raw(pointer);
  const parsed = readResult(module, result);
  module._free(pointer);
  module._wasm_free_parse_result(result);
  return parsed;
}

/** struct { char *parse_tree; char *stderr_buffer; PgQueryError *error; }, error { message, function, file, line, position } */
function readResult(module: Module, result: number): Parsed {
  const error = module.getValue(result + 8, 'i32');
  if (error !== 0) {
    const message = module.UTF8ToString(module.getValue(error, 'i32'));
    if (message === 'out of memory') throw new RangeError(message);
    const fault = message.startsWith('memory exhausted') ? 'too-complex' : 'syntax';
    return { ok: false, fault, message, position: Math.max(0, module.getValue(error + 16, 'i32')) };
  }
  const tree: { stmts?: { stmt?: Tree }[] } = JSON.parse(module.UTF8ToString(module.getValue(result, 'i32')));
  return { ok: true, statements: (tree.stmts ?? []).map((entry) => entry.stmt ?? null) };
}
