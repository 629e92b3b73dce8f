/** Timers that are noted while they are set and cleared as ever. */

/** Tells for how many milliseconds timers were set, and which of them are still to come. */
export function watchTimers(): Disposable & { readonly set: number[]; readonly left: Map<unknown, number> } {
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  const watched = { set: [] as number[], left: new Map<unknown, number>() };
  globalThis.setTimeout = ((call: () => void, ms: number) => {
    const timer = set(call, ms);
    watched.set.push(ms);
    watched.left.set(timer, ms);
    return timer;
  }) as typeof setTimeout;
  globalThis.clearTimeout = ((timer: number) => {
    watched.left.delete(timer);
    clear(timer);
  }) as typeof clearTimeout;
  return {
    ...watched,
    [Symbol.dispose]: () => Object.assign(globalThis, { setTimeout: set, clearTimeout: clear }),
  };
}
