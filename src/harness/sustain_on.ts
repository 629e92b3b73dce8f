/**
 * A request to a harness process to repeat shots without a pause.
 *
 * @module
 */
import { plural } from "../count_text.ts";
import type { Conversation } from "./conversation.ts";
import type { CallOptions, SustainedFact, SustainRequest } from "./harness.ts";

/**
 * Repeats shots.
 *
 * @param talk The conversation with the process.
 * @param request What to repeat, for how long, and the request's number.
 * @param timeoutS Seconds that an answer may take.
 * @param options Signal.
 * @returns What each shot's layers took; a shot that failed is left out.
 * @throws {HarnessError} when the harness cannot, or an answer is wrong, late or missing.
 */
export async function* sustainOn(
  talk: Conversation,
  request: SustainRequest & { readonly seq: number },
  timeoutS: number,
  { signal }: CallOptions,
): AsyncGenerator<SustainedFact> {
  const { seq, shots } = request;
  const exchange = talk.begin("fire", { type: "sustain", ...request }, signal);
  const limit = { seconds: timeoutS, setting: "shotTimeoutS" };
  try {
    for (const [index, shot] of shots.entries()) {
      const what = `sustaining shot ${index + 1} of ${shots.length}`;
      const answer = await exchange.next(["sustained", "failed"], what, limit);
      if (answer.seq !== seq || answer.index !== index) {
        throw await exchange.broken(
          `expected an answer to seq ${seq} index ${index}, got seq ${answer.seq} index ${answer.index}`,
        );
      }
      if (answer.type === "sustained") yield { type: "sustained", shot, layers: answer.layers };
    }
    await exchange.next(["done"], `ending ${plural(shots.length, "shot")}`, limit);
    exchange.done();
  } finally {
    await exchange.leave();
  }
}
