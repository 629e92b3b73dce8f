/**
 * A fire request to a harness process: its answers in their order, checked, as outcomes and facts.
 *
 * @module
 */
import { plural } from "../count_text.ts";
import type { Conversation } from "./conversation.ts";
import type { Booted, FireFact, FireOptions, FireRequest, ShotOutcome } from "./harness.ts";
import type { Shot, SkewShot } from "../shots/shot.ts";
import type { DoneAnswer, FailedAnswer, KernelsAnswer, ResultAnswer, StateAnswer } from "./protocol.ts";

/** A fire request with its number and the layers whose samples may come. */
export interface NumberedFire extends FireRequest {
  /** Number of the request. */
  readonly seq: number;
  /** What the boot found. */
  readonly layers: Booted["layers"];
}

/**
 * Fires a chunk.
 *
 * @param talk The conversation with the process.
 * @param request What to fire.
 * @param timeoutS Seconds that an answer may take.
 * @param options Signal and facts.
 * @returns One outcome per shot, in their order.
 * @throws {HarnessError} when an answer is wrong, late or missing; the process is then ended.
 */
export async function* fireOn(
  talk: Conversation,
  { layers, ...request }: NumberedFire,
  timeoutS: number,
  { signal, onFact = () => {} }: FireOptions,
): AsyncGenerator<ShotOutcome> {
  const { seq, shots } = request;
  const exchange = talk.begin("fire", { type: "fire", ...request }, signal);
  const limit = { seconds: timeoutS, setting: "shotTimeoutS" };
  try {
    let index = 0;
    while (true) {
      const left = index < shots.length;
      const what = left
        ? `firing shot ${index + 1} of ${shots.length}`
        : `ending ${plural(shots.length, "shot")}`;
      const due = left ? ["result", "failed"] as const : ["done"] as const;
      const answer = await exchange.next([...due, "state", "kernels"], what, limit);
      const problem = misplaced(answer, seq, index) ??
        (answer.type === "result" ? faultOf(answer.samples, request, shots[index]!, layers) : undefined);
      if (problem !== undefined) throw await exchange.broken(problem);
      const fact = factOf(answer);
      if (fact !== undefined) onFact(fact);
      if (answer.type === "done") break;
      const outcome = outcomeOf(answer);
      if (outcome === undefined) continue;
      index++;
      yield outcome;
    }
    exchange.done();
  } finally {
    await exchange.leave();
  }
}

type FireAnswer = ResultAnswer | FailedAnswer | DoneAnswer | StateAnswer | KernelsAnswer;

function misplaced(answer: FireAnswer, seq: number, index: number): string | undefined {
  if (answer.type === "kernels") return undefined;
  if (!("index" in answer)) {
    return answer.seq === seq ? undefined : `expected ${answer.type} of seq ${seq}, got seq ${answer.seq}`;
  }
  if (answer.seq === seq && answer.index === index) return undefined;
  return `expected an answer to seq ${seq} index ${index}, got seq ${answer.seq} index ${answer.index}`;
}

function factOf(answer: FireAnswer): FireFact | undefined {
  if (answer.type === "kernels") return answer;
  if (answer.type === "state") {
    const { seq: _, ...state } = answer;
    return state;
  }
  if (answer.type !== "done" || answer.wall_us === undefined) return undefined;
  return { type: "cost", device_busy_us: answer.device_busy_us ?? null, wall_us: answer.wall_us };
}

function outcomeOf(answer: FireAnswer): ShotOutcome | undefined {
  if (answer.type === "failed") {
    const { type: _, seq: __, ...failed } = answer;
    return { status: "failed", ...failed };
  }
  if (answer.type !== "result") return undefined;
  const { type: _, seq: __, ...measured } = answer;
  return { status: "measured", ...measured };
}

function faultOf(
  samples: ResultAnswer["samples"],
  { iterations, precision }: FireRequest,
  shot: Shot,
  layers: Booted["layers"],
): string | undefined {
  const entries = Object.entries(samples);
  if (entries.length === 0) return "expected samples of one layer or more, got none";
  const misnamed = shot.category === "skew" ? wrongPart(samples, shot) : unknownLayer(samples, layers);
  if (misnamed !== undefined) return misnamed;
  const expected = precision === undefined
    ? plural(iterations, "sample")
    : `${iterations}, or ${precision.min} to ${precision.max}, samples`;
  for (const [layer, { length }] of entries) {
    const precise = precision !== undefined && precision.min <= length && length <= precision.max;
    if (length !== iterations && !precise) {
      return `expected ${expected} of layer '${layer}', got ${length}`;
    }
  }
  return undefined;
}

function unknownLayer(samples: ResultAnswer["samples"], layers: Booted["layers"]): string | undefined {
  const layer = Object.keys(samples).find((name) => !Object.hasOwn(layers, name));
  return layer && `got samples of layer '${layer}', which its boot did not find`;
}

/** A case is answered with its parts, no more and no fewer. */
function wrongPart(samples: ResultAnswer["samples"], { parts }: SkewShot): string | undefined {
  const got = Object.keys(samples);
  if (got.length === parts.length && parts.every((part) => got.includes(part))) return undefined;
  return `expected samples of ${parts.join(", ")}, got them of ${got.join(", ")}`;
}
