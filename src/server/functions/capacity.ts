// The cap over the processes of all slots: who may start one, and who has to give one up.

/** A slot as the capacity sees it. */
export interface Tenant {
  /** When its oldest waiting call came, as a rising number, if it has no process at all; else undefined. */
  starvedSince(): number | undefined;
  /** Ends the process that has been idle longest, if there is one; says whether. */
  giveUpIdle(): boolean;
  /** Since when (performance.now()) its longest idle process has been idle; undefined = none is. */
  idleSince(): number | undefined;
  /** There is room: starts what it needs. */
  grow(): void;
}

/** Counts processes. A place is taken before a start and given back when the process has ended. */
export class Capacity {
  #used = 0;
  /** Idle processes that are ending to make room. */
  #leaving = 0;
  readonly #tenants = new Set<Tenant>();
  /** Those that were refused a place, in the order of asking. */
  readonly #refused = new Set<Tenant>();

  constructor(private readonly limit: number) {}

  join(tenant: Tenant): void {
    this.#tenants.add(tenant);
  }

  leave(tenant: Tenant): void {
    this.#tenants.delete(tenant);
    this.#refused.delete(tenant);
  }

  /** A place, or false; then the longest idle process of anyone is ended, and `grow` is called when there is room. */
  take(tenant: Tenant): boolean {
    if (this.#used < this.limit) {
      this.#used++;
      return true;
    }
    this.#refused.add(tenant);
    if (this.#leaving < this.#refused.size && this.#longestIdle()?.giveUpIdle()) this.#leaving++;
    return false;
  }

  /** Gives a place back; those that were refused may grow, first come first served. */
  give(): void {
    this.#used--;
    if (this.#leaving > 0) this.#leaving--;
    for (const tenant of this.#refused) {
      if (this.#used >= this.limit) return;
      this.#refused.delete(tenant);
      tenant.grow();
    }
  }

  /** Whether someone without any process has waited longer than since `since` (undefined = whoever waits). */
  isStarved(since: number | undefined): boolean {
    if (this.#refused.size === 0) return false;
    for (const tenant of this.#refused) {
      const other = tenant.starvedSince();
      if (other !== undefined && (since === undefined || other < since)) return true;
    }
    return false;
  }

  #longestIdle(): Tenant | undefined {
    let found: Tenant | undefined;
    let oldest = Infinity;
    for (const tenant of this.#tenants) {
      const since = tenant.idleSince();
      if (since !== undefined && since < oldest) {
        oldest = since;
        found = tenant;
      }
    }
    return found;
  }
}
