// deno-lint-ignore-file no-console
/** A fake in a process of its own that needs so many times the time: `slow_worker.ts <factor>`. */
import { textLines } from "../../src/harness/lines.ts";
import { encode, PROTOCOL_VERSION, type Request } from "../../src/harness/protocol.ts";
import { fakeHarness } from "../run/fakes.ts";

type Answer = Parameters<typeof encode>[0];

console.error("at work");
const factor = Number(Deno.args[0]);
const harness = fakeHarness({ factor: () => factor, info: { quantities: ["kernel"] } });

async function* answers(request: Request): AsyncGenerator<Answer> {
  switch (request.type) {
    case "hello":
      return yield { type: "hello", protocol: PROTOCOL_VERSION, ...harness.info };
    case "boot": {
      const { catalog } = request.architecture;
      const names = Object.values(catalog).flatMap((layers) => Object.keys(layers));
      const layers = Object.fromEntries(names.map((name) => [name, { class: "Fake", modules: 1 }]));
      return yield { type: "booted", tp: request.tp, ...await harness.boot(request), layers };
    }
    case "fire":
      for await (const { status, ...told } of harness.fire(request)) {
        yield { type: status === "measured" ? "result" : "failed", seq: request.seq, ...told } as Answer;
      }
      return yield { type: "done", seq: request.seq };
    case "shutdown":
      return yield { type: "bye" };
  }
}

for await (const line of textLines(Deno.stdin.readable, 2 ** 20)) {
  for await (const answer of answers(JSON.parse(line))) {
    Deno.stdout.writeSync(new TextEncoder().encode(encode(answer)));
  }
}
