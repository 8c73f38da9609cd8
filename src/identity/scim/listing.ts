// What lists and single answers share: the filter that an index answers, pages, and which attributes are shown.

import {
  LARGEST_SCIM_PAGE,
  LIST_SCHEMA,
  type ScimListQuery,
  type ScimResource,
  type ScimViewQuery,
} from '../../api/scim.ts';
import { scimRefusal } from './refusal.ts';

/** What identity providers really ask: one attribute, one value. */
export interface Exact {
  attribute: string;
  value: string;
}

export interface Page {
  /** From 0. */
  offset: number;
  limit: number;
}

/** Null for every other filter: those are looked through one by one. Errors: `invalidFilter`. */
export function exactFilter(filter: string, attributes: readonly string[]): Exact | null {
  const match = /^\s*(\w+)\s+eq\s+("(?:[^"\\]|\\.)*")\s*$/i.exec(filter);
  const attribute = attributes.find((one) => one.toLowerCase() === match?.[1]?.toLowerCase());
  if (match === null || attribute === undefined) return null;
  try {
    const value = String(JSON.parse(match[2] ?? '""'));
    if (value.isWellFormed() && !value.includes('\0')) return { attribute, value };
  } catch (error) {
    throw scimRefusal('invalidFilter', 'The value of this filter is not a text.', error);
  }
  throw scimRefusal('invalidFilter', 'The value of this filter is no text that can be stored.');
}

export function pageFrom(query: ScimListQuery): Page {
  return {
    offset: Math.max(1, query.startIndex) - 1,
    limit: Math.min(Math.max(0, query.count), LARGEST_SCIM_PAGE),
  };
}

export function listOf(resources: ScimResource[], total: number, page: Page): ScimResource {
  return {
    schemas: [LIST_SCHEMA],
    totalResults: total,
    startIndex: page.offset + 1,
    itemsPerPage: resources.length,
    Resources: resources,
  };
}

const ALWAYS = ['schemas', 'id'];

/** Attributes of the top level only; of `emails.value` all of `emails` is shown. */
export function shown(resource: ScimResource, query: ScimViewQuery): ScimResource {
  const wanted = namesIn(query.attributes);
  const unwanted = namesIn(query.excludedAttributes);
  if (wanted.size === 0 && unwanted.size === 0) return resource;
  return Object.fromEntries(
    Object.entries(resource).filter(([name]) => {
      const key = name.toLowerCase();
      if (ALWAYS.includes(key)) return true;
      return wanted.size > 0 ? wanted.has(key) : !unwanted.has(key);
    }),
  );
}

export function isShown(name: string, query: ScimViewQuery): boolean {
  return Object.hasOwn(shown({ [name]: true }, query), name);
}

function namesIn(text: string | undefined): Set<string> {
  const names = (text ?? '').split(',').map((one) => one.trim().toLowerCase());
  return new Set(names.filter((one) => one !== '').map(topLevel));
}

function topLevel(name: string): string {
  if (!name.startsWith('urn:')) return name.split('.')[0] ?? name;
  const [schema = '', attribute = ''] = [
    name.slice(0, name.lastIndexOf(':')),
    name.slice(name.lastIndexOf(':') + 1),
  ];
  if (schema.endsWith(':core:2.0:user') || schema.endsWith(':core:2.0:group')) return topLevel(attribute);
  return schema.endsWith(':enterprise:2.0:user') ? schema : name;
}
