/** A child process that is none: it answers with lines of a script, and notes what it is told. */
import type { Child, Ending } from "../../src/harness/child.ts";

/** A scripted child, and what it was told. */
export interface Scripted extends Child {
  /** The requests that it was sent. */
  readonly sent: unknown[];
  /** The milliseconds of grace of each stop. */
  readonly stops: number[];
}

/**
 * Makes one.
 *
 * @param script Its answers: an object, a line as it is, an error to throw; `undefined` for its end, `"never"` for none.
 * @param ending How it ends.
 * @param log Its log.
 */
export function scriptedChild(
  script: readonly (object | string | Error | undefined)[],
  ending: Partial<Ending> = {},
  log = "",
): Scripted {
  const answers = script[Symbol.iterator]();
  const sent: unknown[] = [];
  const stops: number[] = [];
  let stop = (): void => {};
  const stopped = new Promise<undefined>((resolve) => stop = () => resolve(undefined));
  return {
    pid: 1,
    sent,
    stops,
    send: (text) => void sent.push(JSON.parse(text)),
    receive(): Promise<string | undefined> {
      const { value } = answers.next();
      if (value instanceof Error) return Promise.reject(value);
      if (value === "never") return stopped;
      return Promise.resolve(typeof value === "object" ? JSON.stringify(value) : value);
    },
    stop(graceMs): Promise<Ending> {
      stops.push(graceMs);
      stop();
      return Promise.resolve({ exitCode: 0, signal: null, killed: false, ...ending });
    },
    log: () => log,
  };
}
