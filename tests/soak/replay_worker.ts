/** A replay in a process of its own: `replay_worker.ts <bundle> <delay in ms>`. */
import type { Harness } from "../../src/harness/harness.ts";
import { textLines } from "../../src/harness/lines.ts";
import { encode, PROTOCOL_VERSION, type Request } from "../../src/harness/protocol.ts";
import { replayHarness } from "../../src/harness/replay.ts";

async function* answers(harness: Harness, request: Request): AsyncGenerator<Parameters<typeof encode>[0]> {
  switch (request.type) {
    case "hello":
      return yield { type: "hello", protocol: PROTOCOL_VERSION, ...harness.info };
    case "boot":
      return yield { type: "booted", tp: request.tp, ...await harness.boot(request) };
    case "fire":
      for await (const { status, ...told } of harness.fire(request)) {
        const type = status === "measured" ? "result" : "failed";
        yield { type, seq: request.seq, ...told } as Parameters<typeof encode>[0];
      }
      return yield { type: "done", seq: request.seq };
    case "shutdown":
      return yield { type: "bye" };
  }
}

const [dir, delayMs] = Deno.args;
const harness = await replayHarness(dir!, { delayMs: Number(delayMs) });
for await (const line of textLines(Deno.stdin.readable, 2 ** 20)) {
  for await (const answer of answers(harness, JSON.parse(line))) {
    Deno.stdout.writeSync(new TextEncoder().encode(encode(answer)));
  }
}
