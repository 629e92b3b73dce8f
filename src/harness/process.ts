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
  FireRequest,
  Harness,
  HarnessInfo,
  ShotOutcome,
} from "./harness.ts";
import { PROTOCOL_VERSION } from "./protocol.ts";

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
 * import { startProcessHarness } from "./process.ts";
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
  const talk = converse(name, startChild(argv, options));
  const info = await hello(talk, helloTimeoutS, signal);
  let booted: Booted | undefined;
  let seq = 0;
  const close = (): Promise<void> => talk.close();
  return {
    info,
    async boot(request: BootRequest, { signal }: CallOptions = {}): Promise<Booted> {
      booted = undefined;
      return booted = await boot(talk, request, bootTimeoutS, signal);
    },
    async *fire(request: FireRequest, { signal }: CallOptions = {}): AsyncGenerator<ShotOutcome> {
      if (booted === undefined) throw new UsageError(`Cannot fire on harness '${name}': no engine is booted`);
      yield* fire(talk, { ...request, seq: ++seq, layers: booted.layers }, shotTimeoutS, signal);
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

/** A fire request with its number and the layers whose samples may come. */
interface NumberedFire extends FireRequest {
  readonly seq: number;
  readonly layers: Booted["layers"];
}

async function* fire(
  talk: Conversation,
  { seq, shots, iterations, quantity, layers }: NumberedFire,
  timeoutS: number,
  signal?: AbortSignal,
): AsyncGenerator<ShotOutcome> {
  const exchange = talk.begin("fire", { type: "fire", seq, shots, iterations, quantity }, signal);
  const limit = { seconds: timeoutS, setting: "shotTimeoutS" };
  try {
    for (let index = 0; index < shots.length; index++) {
      const what = `firing shot ${index + 1} of ${shots.length}`;
      const answer = await exchange.next(["result", "failed"], what, limit);
      if (answer.seq !== seq || answer.index !== index) {
        throw await exchange.broken(
          `expected an answer to seq ${seq} index ${index}, got seq ${answer.seq} index ${answer.index}`,
        );
      }
      if (answer.type === "failed") {
        yield { status: "failed", index, kind: answer.kind, message: answer.message };
        continue;
      }
      const problem = faultOf(answer.samples, iterations, layers);
      if (problem !== undefined) throw await exchange.broken(problem);
      yield { status: "measured", index, samples: answer.samples };
    }
    const answer = await exchange.next(["done"], `ending ${shots.length} shots`, limit);
    if (answer.seq !== seq) throw await exchange.broken(`expected done of seq ${seq}, got seq ${answer.seq}`);
    exchange.done();
  } finally {
    await exchange.leave();
  }
}

function faultOf(
  samples: Readonly<Record<string, readonly number[]>>,
  iterations: number,
  layers: Booted["layers"],
): string | undefined {
  const entries = Object.entries(samples);
  if (entries.length === 0) return "expected samples of one layer or more, got none";
  for (const [layer, values] of entries) {
    if (!Object.hasOwn(layers, layer)) return `got samples of layer '${layer}', which its boot did not find`;
    if (values.length !== iterations) {
      return `expected ${iterations} samples of layer '${layer}', got ${values.length}`;
    }
  }
  return undefined;
}
