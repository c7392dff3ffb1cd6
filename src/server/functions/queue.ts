// A first-in-first-out queue whose operations take constant time.

/** After so many have left, the room they took is given back. */
const COMPACT_AT = 1024;

/** What waits, the oldest first. An array's own `shift` takes longer the more wait. */
export class Queue<T> {
  #items: T[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** Puts an item before all others. Takes linear time; for the rare case. */
  putBack(item: T): void {
    this.#items = [item, ...this.#items.slice(this.#head)];
    this.#head = 0;
  }

  peek(): T | undefined {
    return this.#items[this.#head];
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined as T; // Not held in memory until the next compaction.
    this.#head++;
    if (this.length === 0) {
      this.#items.length = 0;
      this.#head = 0;
    } else if (this.#head >= COMPACT_AT && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** The last `count` items, oldest first. */
  last(count: number): T[] {
    return count > 0 ? this.#items.slice(Math.max(this.#head, this.#items.length - count)) : [];
  }
}
