/**
 * Several streams as one.
 *
 * @module
 */

/**
 * Merges streams in the order in which their values come. A stream is asked for its next value when the one before
 * has been taken, so that no more than one value of each waits.
 *
 * However the merging ends (an error of one, or the consumer leaving), all streams have ended when it does.
 *
 * @param streams The streams.
 * @param stop Called when the merging ends early, to cut short what the streams wait for.
 * @returns Their values.
 *
 * @example
 * ```ts
 * import { merge } from "./merge.ts";
 * import assert from "node:assert/strict";
 * async function* count(to: number): AsyncGenerator<number> {
 *   for (let n = 1; n <= to; n++) yield await Promise.resolve(n);
 * }
 * assert.deepEqual(await Array.fromAsync(merge([count(2), count(3)])), [1, 1, 2, 2, 3]);
 * ```
 */
export async function* merge<T>(
  streams: readonly AsyncGenerator<T>[],
  stop: () => void = () => {},
): AsyncGenerator<T> {
  const arrived: { stream: AsyncGenerator<T>; settled: Promise<IteratorResult<T>> }[] = [];
  let open = streams.length;
  let arrival = Promise.withResolvers<void>();
  const ask = (stream: AsyncGenerator<T>): void => {
    const settled = stream.next();
    const arrive = (): void => {
      arrived.push({ stream, settled });
      arrival.resolve();
    };
    settled.then(arrive, arrive);
  };
  try {
    for (const stream of streams) ask(stream);
    while (open > 0) {
      await arrival.promise;
      arrival = Promise.withResolvers();
      for (const { stream, settled } of arrived.splice(0)) {
        const { done, value } = await settled;
        if (done) {
          open--;
          continue;
        }
        yield value;
        ask(stream);
      }
    }
  } finally {
    if (open > 0) stop();
    await Promise.allSettled(streams.map((stream) => stream.return(undefined)));
  }
}
