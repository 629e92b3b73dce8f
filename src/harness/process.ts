/**
 * A harness that is a child process speaking the protocol.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { type ChildOptions, startChild } from "./child.ts";
import { type Conversation, converse } from "./conversation.ts";
import type {
  Booted,
  BootRequest,
  CallOptions,
  FireOptions,
  FireRequest,
  Harness,
  HarnessInfo,
  ShotOutcome,
  SustainedFact,
  SustainRequest,
} from "./harness.ts";
import { fireOn } from "./fire_on.ts";
import { sustainOn } from "./sustain_on.ts";
import { PROTOCOL_VERSION } from "./protocol.ts";
import type { Walk, WalkedRequests } from "./walk.ts";

/** How a harness process is started and how long it may take. */
export interface ProcessOptions extends ChildOptions {
  /** What errors call it, by default the program. */
  readonly name?: string;
  /** Seconds from the start to the answer to `hello`. @default {120} */
  readonly helloTimeoutS?: number;
  /** Seconds that a boot may take. @default {600} */
  readonly bootTimeoutS?: number;
  /** Seconds that a shot may take, its warm-up included. @default {120} */
  readonly shotTimeoutS?: number;
  /** Ends the start; the calls have signals of their own. */
  readonly signal?: AbortSignal;
}

/**
 * Starts a harness process and asks who it is.
 *
 * A call that is aborted, left early or out of time ends the process; so does anything that breaks the protocol.
 *
 * @param argv Program and arguments.
 * @param options How it is started and how long it may take.
 * @returns The harness.
 * @throws {HarnessError} of stage `spawn` or `hello` when it cannot be started or gives no proper answer.
 *
 * @example
 * ```ts
 * import { startProcessHarness } from "shotlab/harness";
 * import assert from "node:assert/strict";
 * await assert.rejects(startProcessHarness(["sh", "-c", "exit 3"]), {
 *   message: "Harness 'sh' exited with 3 while saying hello",
 * });
 * ```
 */
export async function startProcessHarness(
  argv: readonly string[],
  options: ProcessOptions = {},
): Promise<Harness> {
  if (argv.length === 0) {
    throw new UsageError("Cannot start a harness: its command must name a program, got none");
  }
  const { name = argv[0]!, helloTimeoutS = 120, bootTimeoutS = 600, shotTimeoutS = 120, signal } = options;
  signal?.throwIfAborted();
  const talk = converse(name, await startChild(argv, options));
  const info = await hello(talk, helloTimeoutS, signal).catch(async (error) => {
    await talk.close();
    throw error;
  });
  let booted: Booted | undefined;
  let seq = 0;
  const close = (): Promise<void> => talk.close();
  return {
    info,
    async boot(request: BootRequest, { signal }: CallOptions = {}): Promise<Booted> {
      booted = undefined;
      return booted = await boot(talk, request, bootTimeoutS, signal);
    },
    async *fire(request: FireRequest, options: FireOptions = {}): AsyncGenerator<ShotOutcome> {
      if (booted === undefined) throw new UsageError(`Cannot fire on harness '${name}': no engine is booted`);
      yield* fireOn(talk, { ...request, seq: ++seq, layers: booted.layers }, shotTimeoutS, options);
    },
    async walk(
      batches: Readonly<Record<string, WalkedRequests>>,
      { signal }: CallOptions = {},
    ): Promise<Walk> {
      const sent = Object.entries(batches).map(([batch, requests]) =>
        [batch, requests.map(({ newTokens, history }) => [newTokens, history] as const)] as const
      );
      const exchange = talk.begin("walk", { type: "walk", batches: Object.fromEntries(sent) }, signal);
      const { type: _, ...walked } = await exchange.next(["walked"], "walking the engine", {
        seconds: bootTimeoutS,
        setting: "bootTimeoutS",
      });
      exchange.done();
      return walked;
    },
    async *sustain(request: SustainRequest, options: CallOptions = {}): AsyncGenerator<SustainedFact> {
      if (booted?.sustains !== true) return;
      yield* sustainOn(talk, { ...request, seq: ++seq }, shotTimeoutS, options);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function hello(talk: Conversation, timeoutS: number, signal?: AbortSignal): Promise<HarnessInfo> {
  const exchange = talk.begin("hello", { type: "hello", protocol: PROTOCOL_VERSION }, signal);
  const answer = await exchange.next(["hello"], "saying hello", {
    seconds: timeoutS,
    setting: "helloTimeoutS",
  });
  const { type: _, protocol, ...info } = answer;
  if (protocol !== PROTOCOL_VERSION) {
    throw await exchange.broken(`it speaks version ${protocol}, expected ${PROTOCOL_VERSION}`);
  }
  exchange.done();
  return info;
}

async function boot(
  talk: Conversation,
  request: BootRequest,
  timeoutS: number,
  signal?: AbortSignal,
): Promise<Booted> {
  const what = `booting tp ${request.tp}`;
  const exchange = talk.begin("boot", { type: "boot", ...request }, signal);
  const answer = await exchange.next(["booted"], what, { seconds: timeoutS, setting: "bootTimeoutS" });
  const { type: _, tp, ...booted } = answer;
  if (tp !== request.tp) throw await exchange.broken(`it booted tp ${tp}, expected ${request.tp}`);
  exchange.done();
  return booted;
}
