/**
 * One request at a time with a child process, and one shape for all that can go wrong in it.
 *
 * @module
 */
import { HarnessError, type HarnessErrorDetails, UsageError } from "../errors.ts";
import type { Child, Ending } from "./child.ts";
import { hideSecrets } from "../hide_secrets.ts";
import { flagOf } from "../settings/table.ts";
import { type Answer, decodeAnswer, encode, type ErrorAnswer, type Request } from "./protocol.ts";

/** What a process gets to end by itself after a cancelled or broken request. */
const GRACE_MS = 1000;
/** What an idle process gets to free its engine. */
const CLOSE_S = 10;
const MAX_TIMER_MS = 2 ** 31 - 1;

/** How long an answer may take, and the setting that says so. */
export interface TimeLimit {
  /** Seconds. */
  readonly seconds: number;
  /** The setting's name, null for a fixed limit. */
  readonly setting: string | null;
}

/** A request and its answers. */
export interface Exchange {
  /**
   * The next answer.
   *
   * @throws {HarnessError} when it is an error, of another type, no message at all, too late, or the process has ended.
   */
  next<T extends Answer["type"]>(
    types: readonly T[],
    doing: string,
    limit: TimeLimit,
  ): Promise<Extract<Answer, { type: T }>>;
  /** Ends the process over an answer that is well-formed but wrong, and returns the error to throw. */
  broken(problem: string): Promise<HarnessError>;
  /** The request has had its last answer. */
  done(): void;
  /** Ends the process if answers are still to come. */
  leave(): Promise<void>;
}

/** A process to exchange messages with. */
export interface Conversation {
  /**
   * Sends a request.
   *
   * @throws {UsageError} when another one is not answered yet.
   * @throws {HarnessError} when the process has ended.
   */
  begin(stage: HarnessErrorDetails["stage"], request: Request, signal?: AbortSignal): Exchange;
  /** Ends the process, politely when it is idle. */
  close(): Promise<void>;
}

/**
 * Starts a conversation.
 *
 * @param name What errors call the harness.
 * @param child The process.
 * @returns The conversation.
 */
export function converse(name: string, child: Child): Conversation {
  let busy = false;
  let over = false;
  let closing: Promise<void> | undefined;

  async function end(graceMs: number): Promise<Ending> {
    over = true;
    return await child.stop(graceMs);
  }

  function begin(stage: HarnessErrorDetails["stage"], request: Request, signal?: AbortSignal): Exchange {
    signal?.throwIfAborted();
    if (over) {
      throw new HarnessError(`Harness '${name}' has ended: open it again`, { stage, kind: "engine_dead" });
    }
    if (busy) {
      throw new UsageError(`Harness '${name}' answers one request at a time: await the one before first`);
    }
    busy = true;
    const onAbort = (): void => void end(GRACE_MS);
    signal?.addEventListener("abort", onAbort);
    child.send(encode(request));
    let open = true;
    let doing: string = stage;

    function done(): void {
      open = busy = false;
      signal?.removeEventListener("abort", onAbort);
    }

    async function fail(
      graceMs: number,
      kind: string,
      say: (ending: Ending) => string,
    ): Promise<HarnessError> {
      const ending = await end(graceMs);
      done();
      const details = {
        stage,
        kind,
        stderrTail: child.log(),
        ...(ending.exitCode === null ? {} : { exitCode: ending.exitCode }),
        ...(ending.signal === null ? {} : { signal: ending.signal }),
      };
      return new HarnessError(hideSecrets(`Harness '${name}' ${say(ending)}`), details);
    }

    const broken = (problem: string): Promise<HarnessError> =>
      fail(0, "protocol", () => `broke the protocol while ${doing}: ${problem}`);

    async function receive(limit: TimeLimit): Promise<string> {
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        void child.stop(0);
      }, Math.min(limit.seconds * 1000, MAX_TIMER_MS));
      try {
        const line = await child.receive();
        if (line !== undefined && !late && !signal?.aborted) return line;
      } catch (error) {
        throw error instanceof RangeError ? await broken(error.message) : error;
      } finally {
        clearTimeout(timer);
      }
      if (signal?.aborted) {
        await end(GRACE_MS);
        done();
        throw signal.reason;
      }
      if (late) {
        const remedy = limit.setting === null
          ? ""
          : `; raise ${limit.setting} (${flagOf(limit.setting)}) if it needs longer`;
        throw await fail(
          0,
          "timeout",
          () => `gave no answer within ${limit.seconds} s while ${doing} and was killed${remedy}`,
        );
      }
      if (closing) throw await fail(GRACE_MS, "engine_dead", () => `was closed while ${doing}`);
      throw await fail(GRACE_MS, "engine_dead", (ending) => {
        const words = child.log().split("\n").at(-1)!;
        return `${describe(ending)} while ${doing}${
          words === "" ? "" : `; its last words: ${words.slice(0, 300)}`
        }`;
      });
    }

    async function next<T extends Answer["type"]>(
      types: readonly T[],
      doingNow: string,
      limit: TimeLimit,
    ): Promise<Extract<Answer, { type: T }>> {
      doing = doingNow;
      const line = await receive(limit);
      let answer: Answer;
      try {
        answer = decodeAnswer(line);
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        throw await broken(error.message.replace("Cannot read the answer: ", ""));
      }
      if (answer.type === "error") {
        done();
        throw refusal(answer);
      }
      if (!(types as readonly string[]).includes(answer.type)) {
        throw await broken(`expected ${types.join(" or ")}, got ${answer.type}`);
      }
      return answer as Extract<Answer, { type: T }>;
    }

    function refusal({ kind, message, detail }: ErrorAnswer): HarnessError {
      const words = message.replace(/\s+/g, " ").slice(0, 500);
      const details = { stage, kind, stderrTail: child.log(), ...(detail === null ? {} : { detail }) };
      return new HarnessError(hideSecrets(`Harness '${name}': ${words}`), details);
    }

    async function leave(): Promise<void> {
      if (!open) return;
      await end(GRACE_MS);
      done();
    }

    return { next, broken, done, leave };
  }

  async function close(): Promise<void> {
    if (!busy && !over) {
      const exchange = begin("shutdown", { type: "shutdown" });
      try {
        await exchange.next(["bye"], "shutting down", { seconds: CLOSE_S, setting: null });
      } catch (error) {
        if (!(error instanceof HarnessError)) throw error; // it is ended below all the same
      }
    }
    await end(GRACE_MS);
  }

  return { begin, close: () => closing ??= close() };
}

function describe({ exitCode, signal, killed }: Ending): string {
  if (killed) return "closed its standard output";
  return signal === null ? `exited with ${exitCode}` : `was ended by ${signal}`;
}
