/**
 * What the checks of a harness work on: a process in a known state.
 *
 * @module
 */
import type { Booted, BootRequest, HarnessInfo } from "../harness/harness.ts";
import type { Answer } from "../harness/protocol.ts";
import { shardConfig } from "../model/shard.ts";
import type { Architecture, Model } from "../model/model.ts";
import type { Shot } from "../shots/shot.ts";
import { type Dialogue, NotMet, startDialogue } from "./dialogue.ts";

/** How a harness is started and how long it may take. */
export interface BenchOptions {
  /** Its command. */
  readonly argv: readonly string[];
  /** A small model that it can boot. */
  readonly model: Model;
  /** Seconds that a boot may take. */
  readonly bootTimeoutS: number;
  /** Seconds that any other answer may take. */
  readonly shotTimeoutS: number;
  /** Whether its command carries it to another machine. @default {false} */
  readonly elsewhere?: boolean;
  /** Called with each line of its standard error. */
  readonly onLog?: (line: string) => void;
}

/** The samples of a shot, or why it has none. */
export type Fired = Extract<Answer, { type: "result" | "failed" }>;

/** The process that checks talk to, and requests that it should understand. */
export interface Bench extends AsyncDisposable {
  /** The model. */
  readonly model: Model;
  /** Whether the process runs on another machine. */
  readonly elsewhere: boolean;
  /** Seconds that a boot may take. */
  readonly bootTimeoutS: number;
  /** Seconds that another answer may take. */
  readonly shotTimeoutS: number;
  /** Starts a process that nothing was said to, in place of the one before. */
  start(): Promise<Dialogue>;
  /** A process that has booted the model: the one of before while it is in that state. */
  booted(): Promise<{ dialogue: Dialogue; info: HarnessInfo; booted: Booted }>;
  /** A request to boot the model, or the model with other layers. */
  bootRequest(tp: number, architecture?: Architecture): BootRequest & { type: "boot" };
  /** Boots an engine. */
  boot(dialogue: Dialogue, request: BootRequest & { type: "boot" }): Promise<Booted>;
  /** Fires shots and gives one answer per shot; `extra` adds to the request. */
  fire(dialogue: Dialogue, shots: readonly unknown[], extra?: object): Promise<Fired[]>;
  /** The state of the process is not known any more. */
  spoil(): void;
}

/** What a hello is asked with. */
export const HELLO = { type: "hello", protocol: 1 } as const;
/** Seconds that a process may take to end. */
export const END_S = 10;
/** Timed forwards that shots are fired with. */
export const ITERATIONS = 3;

/**
 * Prepares a bench; nothing is started yet.
 *
 * @param options How the harness is started.
 * @param start Starts its process.
 * @returns The bench.
 */
export function openBench(options: BenchOptions, start: typeof startDialogue = startDialogue): Bench {
  const { argv, model, bootTimeoutS, shotTimeoutS, elsewhere = false, onLog = () => {} } = options;
  let current: Dialogue | undefined;
  let state: { info: HarnessInfo; booted: Booted } | undefined;
  let quantity = "";
  let seq = 0;

  const bench: Bench = {
    model,
    elsewhere,
    bootTimeoutS,
    shotTimeoutS,
    async start(): Promise<Dialogue> {
      await current?.end(0);
      state = undefined;
      return current = await start(argv, onLog);
    },
    async booted(): ReturnType<Bench["booted"]> {
      if (current !== undefined && state !== undefined) return { dialogue: current, ...state };
      const dialogue = await bench.start();
      const info = await greet(dialogue, shotTimeoutS);
      quantity = info.quantities[0]!;
      state = { info, booted: await bench.boot(dialogue, bench.bootRequest(1)) };
      return { dialogue, ...state };
    },
    bootRequest: (tp, architecture = model.architecture) => ({
      type: "boot",
      tp,
      config: shardConfig(model.config, tp),
      architecture,
      dtype: "auto",
      kv_cache_dtype: "auto",
      block_size: null,
      max_num_batched_tokens: 256,
      max_num_seqs: 16,
    }),
    async boot(dialogue, request): Promise<Booted> {
      const { type: _, tp, ...booted } = only(await dialogue.ask(request, bootTimeoutS), "booted");
      if (tp !== request.tp) throw new NotMet(`booted must repeat tp ${request.tp}, got ${tp}`);
      return booted;
    },
    async fire(dialogue, shots, extra = {}): Promise<Fired[]> {
      const request = { type: "fire", seq: ++seq, shots, iterations: ITERATIONS, quantity, ...extra };
      const answers = await dialogue.ask(request, shotTimeoutS);
      return inOrder(answers, seq, shots.length);
    },
    spoil(): void {
      state = undefined;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await current?.end(0);
    },
  };
  return bench;
}

/**
 * Says hello.
 *
 * @param dialogue The process.
 * @param seconds How long the answer may take.
 * @param request The request.
 * @returns Who it is.
 * @throws {NotMet} when the answer is no hello of this version.
 */
export async function greet(
  dialogue: Dialogue,
  seconds: number,
  request: object = HELLO,
): Promise<HarnessInfo> {
  const { type: _, protocol, ...info } = only(await dialogue.ask(request, seconds), "hello");
  if (protocol !== HELLO.protocol) throw new NotMet(`protocol must be ${HELLO.protocol}, got ${protocol}`);
  return info;
}

/**
 * The one answer that a request must have.
 *
 * @param answers What came.
 * @param type Its type.
 * @returns The answer.
 * @throws {NotMet} when something else came.
 */
export function only<T extends Answer["type"]>(
  answers: readonly Answer[],
  type: T,
): Extract<Answer, { type: T }> {
  const [answer] = answers;
  if (answers.length === 1 && answer!.type === type) return answer as Extract<Answer, { type: T }>;
  throw new NotMet(`the answer must be ${type}, got ${answers.map(told).join(", ")}`);
}

/**
 * The samples of a shot.
 *
 * @param fired What became of it.
 * @param shot The shot, for the message.
 * @returns Microseconds by layer.
 * @throws {NotMet} when it has failed.
 */
export function samplesOf(fired: Fired, shot: Shot): Readonly<Record<string, readonly number[]>> {
  if (fired.type === "result") return fired.samples;
  throw new NotMet(`${JSON.stringify(shot)} must be measured, got failed (${fired.kind}: ${fired.message})`);
}

function inOrder(answers: readonly Answer[], seq: number, count: number): Fired[] {
  const fired = answers.filter((answer) => answer.type === "result" || answer.type === "failed");
  const last = answers.at(-1)!;
  if (last.type !== "done") throw new NotMet(`the last answer must be done, got ${told(last)}`);
  if (fired.length !== count) {
    throw new NotMet(`there must be one answer per shot, ${count}, got ${fired.length}`);
  }
  for (const [index, answer] of fired.entries()) {
    if (answer.seq === seq && answer.index === index) continue;
    throw new NotMet(
      `answers must repeat seq ${seq} and come in the order of the shots: ` +
        `expected index ${index}, got seq ${answer.seq} index ${answer.index}`,
    );
  }
  if (last.seq !== seq) throw new NotMet(`done must repeat seq ${seq}, got ${last.seq}`);
  return fired;
}

function told(answer: Answer): string {
  return answer.type === "error" ? `error (${answer.kind}: ${answer.message})` : answer.type;
}
