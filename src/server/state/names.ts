// Named things in name order, and the pages that Fn's lists are made of.
import { ApiError } from '../../fn/api-error.js';

/** What a list shows: in name order, then by id. */
export type Named = { readonly id: string; readonly name: string };

/** What a list request may ask for; all as the query has it. */
export type PageQuery = { name?: string | null; cursor?: string | null; per_page?: string | null };

/** A page of a list. `next_cursor` is there when the page is full, so the last one may be followed by an empty one. */
export type Page<T> = { next_cursor?: string; items: T[] };

const DEFAULT_PAGE = 30;
const LARGEST_PAGE = 100;

/** Things by id, with their order kept until a name comes or goes. */
export class NameOrder<T extends Named> {
  private readonly byId = new Map<string, T>();
  private order: T[] | undefined;

  /** Adds a thing or replaces the one with its id. */
  put(thing: T): void {
    this.byId.set(thing.id, thing);
    this.order = undefined;
  }

  /** Takes the thing with this id out. */
  remove(id: string): void {
    this.byId.delete(id);
    this.order = undefined;
  }

  /** All, in name order. Not to be changed. */
  sorted(): readonly T[] {
    this.order ??= [...this.byId.values()].sort(
      (a, b) => compareNames(a.name, b.name) || (a.id < b.id ? -1 : 1),
    );
    return this.order;
  }
}

/**
 * The page of an ordered list that a query asks for.
 * @throws ApiError 400 for a cursor that is no unpadded base64url.
 */
export function page<T extends Named>(sorted: readonly T[], query: PageQuery): Page<T> {
  const size = pageSize(query.per_page);
  const after = query.cursor ? decodeCursor(query.cursor) : undefined;
  const named = query.name ? sorted.filter((thing) => thing.name === query.name) : sorted;
  const start = after === undefined ? 0 : named.findIndex((thing) => compareNames(thing.name, after) > 0);
  const items = start < 0 ? [] : named.slice(start, start + size);
  const last = items.length === size ? items.at(-1) : undefined;
  return { ...(last && { next_cursor: Buffer.from(last.name).toString('base64url') }), items };
}

/** Orders names by their bytes in UTF-8, as the real server's database does. */
function compareNames(a: string, b: string): number {
  // Beyond the first 65,536 characters UTF-16 has another order.
  if (/[\ud800-\udfff]/.test(a) || /[\ud800-\udfff]/.test(b))
    return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : Number(a > b);
}

function pageSize(asked: string | null | undefined): number {
  const size = /^\+?\d{1,9}$/.test(asked ?? '') ? Number(asked) : 0;
  return size === 0 ? DEFAULT_PAGE : Math.min(size, LARGEST_PAGE);
}

function decodeCursor(cursor: string): string {
  if (!/^[\w-]+$/.test(cursor) || cursor.length % 4 === 1) throw new ApiError(400, 'Invalid cursor');
  return Buffer.from(cursor, 'base64url').toString('utf8');
}
