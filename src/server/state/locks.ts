/** Lets one task at a time hold a key; others wait their turn, those of other keys do not. */
export class Locks {
  private readonly last = new Map<string, Promise<unknown>>();

  /** Runs the task when all earlier ones with this key have ended, however they ended. */
  run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = this.last.get(key) ?? Promise.resolve();
    const result = before.then(task);
    const settled = result
      .catch(() => undefined)
      .then(() => {
        if (this.last.get(key) === settled) this.last.delete(key);
      });
    this.last.set(key, settled);
    return result;
  }
}
