// What one source file says, read by a real parser: what it imports and how, and the few constructs that house rules
// speak of. Knows nothing of the rules themselves.

import { parseSync } from 'vite';

export interface Import {
  /** As written: `../base/ids.ts`, `pg`, `node:net`; null when it is computed at run time. */
  specifier: string | null;
  /** Nothing of it is there at run time. */
  typeOnly: boolean;
  /** Imported names, `default`, or `*` for all of it. Empty for an import for its effect alone. */
  names: string[];
  line: number;
}

export interface SourceFacts {
  imports: Import[];
  /** Lines with `any`. */
  anyLines: number[];
  /** Lines that read `process.env`, in any spelling that this parser sees. */
  environmentLines: number[];
  defaultExportLines: number[];
  /** Exports that only hand on what another file exports. */
  reExports: number;
  /** Everything at the top level that is not an import or a re-export. */
  ownStatements: number;
  /** The comment that the file opens with; empty when there is none. */
  header: string;
  lines: number;
}

interface Node {
  type: string;
  start: number;
  [key: string]: unknown;
}

/** `path` tells the dialect (.ts, .tsx). Errors: an Error when it does not parse. */
export function readSource(path: string, text: string): SourceFacts {
  const { program, errors } = parseSync(path, text);
  const first = errors[0];
  if (first !== undefined) throw new Error(`${path} does not parse: ${first.message}`);
  const lineStarts = lineStartsOf(text);
  const lineOf = (node: Node) => lineStarts.findLastIndex((start) => start <= node.start) + 1;
  const facts: SourceFacts = {
    imports: [],
    anyLines: [],
    environmentLines: [],
    defaultExportLines: [],
    reExports: 0,
    ownStatements: 0,
    header: headerOf(text),
    lines: lineStarts.length - (text.endsWith('\n') ? 1 : 0),
  };
  for (const statement of nodesIn(program.body)) countStatement(statement, facts);
  walk(program, (node) => {
    const found = importOf(node);
    if (found !== null) facts.imports.push({ ...found, line: lineOf(node) });
    if (node.type === 'TSAnyKeyword') facts.anyLines.push(lineOf(node));
    if (readsEnvironment(node)) facts.environmentLines.push(lineOf(node));
    if (exportsDefault(node)) facts.defaultExportLines.push(lineOf(node));
  });
  return facts;
}

function importOf(node: Node): Omit<Import, 'line'> | null {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration': {
      if (!isNode(node.source)) return null;
      const specifiers = nodesIn(node.specifiers);
      const kinds = [node, ...specifiers].map((one) => one.importKind ?? one.exportKind);
      return {
        specifier: textOf(node.source),
        typeOnly:
          kinds[0] === 'type' || (specifiers.length > 0 && kinds.slice(1).every((kind) => kind === 'type')),
        names: node.type === 'ExportAllDeclaration' ? ['*'] : specifiers.map(importedName),
      };
    }
    case 'ImportExpression':
      return { specifier: textOf(node.source), typeOnly: false, names: ['*'] };
    case 'TSImportType':
      return { specifier: textOf(node.source ?? node.argument), typeOnly: true, names: ['*'] };
    case 'TSExternalModuleReference':
      return { specifier: textOf(node.expression), typeOnly: false, names: ['*'] };
    case 'CallExpression':
      return requires(node.callee)
        ? { specifier: textOf(nodesIn(node.arguments)[0]), typeOnly: false, names: ['*'] }
        : null;
    default:
      return null;
  }
}

/** `require(…)`, `createRequire(…)(…)`. */
function requires(callee: unknown): boolean {
  if (!isNode(callee)) return false;
  if (callee.type === 'Identifier') return callee.name === 'require';
  return callee.type === 'CallExpression' && isNode(callee.callee) && callee.callee.name === 'createRequire';
}

function importedName(specifier: Node): string {
  if (specifier.type === 'ImportDefaultSpecifier') return 'default';
  if (specifier.type === 'ImportNamespaceSpecifier') return '*';
  const imported = specifier.type === 'ExportSpecifier' ? specifier.local : specifier.imported;
  return isNode(imported) ? String(imported.name ?? imported.value) : '*';
}

/** `process.env`, `process['env']`, `const { env } = process`, `import { env } from 'node:process'`. */
function readsEnvironment(node: Node): boolean {
  if (node.type === 'MemberExpression') {
    const { object, property } = node;
    return isProcess(object) && isNode(property) && (property.name === 'env' || property.value === 'env');
  }
  if (node.type === 'VariableDeclarator') {
    return (
      isProcess(node.init) && isNode(node.id) && node.id.type === 'ObjectPattern' && hasKey(node.id, 'env')
    );
  }
  if (node.type !== 'ImportDeclaration' || !/^(node:)?process$/.test(textOf(node.source) ?? '')) return false;
  return nodesIn(node.specifiers).some((one) => importedName(one) === 'env');
}

function isProcess(value: unknown): boolean {
  if (!isNode(value)) return false;
  if (value.type === 'Identifier') return value.name === 'process';
  return value.type === 'MemberExpression' && isNode(value.property) && value.property.name === 'process';
}

function hasKey(pattern: Node, name: string): boolean {
  return nodesIn(pattern.properties).some(
    (one) => one.type === 'RestElement' || (isNode(one.key) && one.key.name === name),
  );
}

function exportsDefault(node: Node): boolean {
  if (node.type === 'ExportDefaultDeclaration') return true;
  if (node.type !== 'ExportSpecifier' || !isNode(node.exported)) return false;
  return node.exported.name === 'default' || node.exported.value === 'default';
}

function countStatement(statement: Node, facts: SourceFacts): void {
  if (statement.type === 'ImportDeclaration') return;
  const handsOn =
    statement.type === 'ExportAllDeclaration' ||
    (statement.type === 'ExportNamedDeclaration' && isNode(statement.source));
  if (handsOn) facts.reExports++;
  else facts.ownStatements++;
}

function walk(value: unknown, visit: (node: Node) => void): void {
  if (Array.isArray(value)) {
    for (const one of value) walk(one, visit);
  } else if (typeof value === 'object' && value !== null) {
    if (isNode(value)) visit(value);
    for (const part of Object.values(value)) walk(part, visit);
  }
}

function isNode(value: unknown): value is Node {
  return (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    typeof value.type === 'string' &&
    'start' in value
  );
}

function nodesIn(value: unknown): Node[] {
  return Array.isArray(value) ? value.filter(isNode) : [];
}

function textOf(value: unknown): string | null {
  if (!isNode(value)) return null;
  if (value.type === 'TSLiteralType') return textOf(value.literal);
  return typeof value.value === 'string' ? value.value : null;
}

function lineStartsOf(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

function headerOf(text: string): string {
  return /^(#!.*\n)?((\/\/.*\n)+|\/\*[\s\S]*?\*\/)/.exec(text)?.[2] ?? '';
}
