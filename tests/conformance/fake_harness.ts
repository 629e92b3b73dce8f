import { HELLO } from "../../src/conformance/bench.ts";
import type { Dialogue } from "../../src/conformance/dialogue.ts";
import type { Booted, HarnessInfo } from "../../src/harness/harness.ts";
import type { Ending } from "../../src/harness/child.ts";
import type { Answer } from "../../src/harness/protocol.ts";
import { layersOf } from "../../src/model/layers.ts";
import type { Model } from "../../src/model/model.ts";
import type { SweepCategory } from "../../src/shots/shot.ts";

/** A request as a harness reads it. */
// deno-lint-ignore no-explicit-any
export type Message = Record<string, any>;

/** Changes the right answers to the nth request of its type, from 1; it may throw in their place. */
export type Fault = (answers: Answer[], request: Message, nth: number) => Answer[];

/** More than any system gives to a process. */
export const NO_PROCESS = 2 ** 30;

const WELL: Ending = { exitCode: 0, signal: null, killed: false };

const INFO: HarnessInfo = {
  harness: "fake",
  harness_version: "1",
  engine: "none",
  engine_version: "1",
  device: "none",
  driver: "none",
  runtime: "none",
  quantities: ["kernel", "wall"],
  lanes: 1,
};

/**
 * A harness in this process that meets every rule but for its fault.
 *
 * @param model The model that it boots.
 * @param told Called with what is said to it, and with the seconds that it has.
 * @param fault What it does wrong.
 * @param ending How its processes end.
 */
export function fakeHarness(
  model: Model,
  told: (what: string, message: unknown, seconds?: number) => void = () => {},
  fault: Fault = (answers) => answers,
  ending: Ending = WELL,
): () => Promise<Dialogue> {
  const counts = new Map<unknown, number>();
  return () => {
    told("start", undefined);
    const answer = harness(model);
    return Promise.resolve({
      pid: NO_PROCESS,
      send: (request): void => told("send", request),
      ask(request, seconds): Promise<Answer[]> {
        told("ask", request, seconds);
        const message = JSON.parse(typeof request === "string" ? "{}" : JSON.stringify(request));
        const nth = (counts.get(message.type) ?? 0) + 1;
        counts.set(message.type, nth);
        return Promise.try(() => fault(answer(message), message, nth));
      },
      end(seconds): Promise<Ending> {
        told("end", undefined, seconds);
        return Promise.resolve(ending);
      },
    });
  };
}

const refusal = (kind: string): Answer[] => [{ type: "error", kind, message: "no", detail: null }];

function harness(model: Model): (message: Message) => Answer[] {
  let booted = false;
  return (message) => {
    if (message.type === "hello" && message.protocol === HELLO.protocol) {
      return [{ type: "hello", protocol: 1, ...INFO }];
    }
    if (message.type === "shutdown") return [{ type: "bye" }];
    if (message.type === "boot") {
      const names = Object.values<Message>(message.architecture.catalog).flatMap(Object.keys);
      booted = !names.includes("no_such_layer");
      return booted ? [{ type: "booted", tp: message.tp, ...bootedOf(names) }] : refusal("boot");
    }
    if (message.type === "fire" && booted && INFO.quantities.includes(message.quantity)) {
      const { seq, shots, iterations } = message;
      return [
        ...shots.map((shot: Message, index: number) => ({ seq, index, ...fired(model, shot, iterations) })),
        { type: "done", seq },
      ];
    }
    return refusal("bad_request");
  };
}

function bootedOf(names: readonly string[]): Booted {
  return {
    limits: {
      max_num_batched_tokens: 256,
      max_num_seqs: 16,
      max_model_len: 4096,
      block_size: 16,
      top_k: 5,
    } as Booted["limits"],
    num_gpu_blocks: 512,
    layers: Object.fromEntries(names.map((name) => [name, { class: "Layer", modules: 1 }])),
    engine_args: {},
  };
}

function fired(model: Model, shot: Message, iterations: number): object {
  if (shot.category === "dense" && !("tokens" in shot)) {
    return { type: "failed", kind: "bad_request", message: "no tokens" };
  }
  if (shot.tokens > 4096) return { type: "failed", kind: "infeasible", message: "too many tokens" };
  const names: string[] = shot.parts ??
    layersOf(model.architecture, shot.category as Exclude<SweepCategory, "skew">).map(({ name }) => name);
  const samples = Object.fromEntries(names.map((name) => [name, new Array(iterations).fill(1.5)]));
  return { type: "result", samples };
}
