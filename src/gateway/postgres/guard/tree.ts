// Reading a node of libpg-query's parse tree, whose JSON leaves out whatever is empty.

import type { Tree } from './parser.ts';

export type Node = { [key: string]: Tree };

export function isNode(tree: Tree | undefined): tree is Node {
  return typeof tree === 'object' && tree !== null && !Array.isArray(tree);
}

export function list(tree: Tree | undefined): Tree[] {
  return Array.isArray(tree) ? tree : [];
}

export function text(tree: Tree | undefined): string {
  return typeof tree === 'string' ? tree : '';
}
