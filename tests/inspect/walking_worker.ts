// deno-lint-ignore-file no-console
/** A worker that walks a made-up forward; a boot without layers has none named. Its attention launches so many µs itself. */
import { textLines } from "../../src/harness/lines.ts";
import { encode, PROTOCOL_VERSION, type Request } from "../../src/harness/protocol.ts";
import { fakeHarness } from "../run/fakes.ts";
import { LLAMA_FORWARD, madeUpWalk } from "./made_up_walk.ts";

const ownUs = Number(Deno.args[0] ?? 0);
const harness = fakeHarness();
let tp = 1;
let isNamed = false;

async function answer(request: Request): Promise<Parameters<typeof encode>[0]> {
  switch (request.type) {
    case "boot": {
      ({ tp } = request);
      const names = Object.values(request.architecture.catalog).flatMap((layers) => Object.keys(layers));
      isNamed = names.length > 0;
      const layers = Object.fromEntries(names.map((name) => [name, { class: "Fake", modules: 1 }]));
      return { type: "booted", tp, ...await harness.boot(request), layers };
    }
    case "walk": {
      const named = LLAMA_FORWARD.replace("o_proj RowParallelLinear sharded", "$& layer=o_proj")
        .replace("down_proj RowParallelLinear sharded", "$& layer=down_proj")
        .replace("LlamaAttention", ownUs > 0 ? `$& +${ownUs}` : "$&");
      const walk = madeUpWalk(isNamed ? named : named.replaceAll(/ layer=\w+/g, ""), { tp });
      const [batch] = Object.values(walk.batches);
      const batches = Object.fromEntries(Object.keys(request.batches).map((name) => [name, batch!]));
      return { type: "walked", ...walk, batches };
    }
    case "shutdown":
      return { type: "bye" };
    default:
      return { type: "hello", protocol: PROTOCOL_VERSION, ...harness.info };
  }
}

console.error("at work");
for await (const line of textLines(Deno.stdin.readable, 2 ** 20)) {
  Deno.stdout.writeSync(new TextEncoder().encode(encode(await answer(JSON.parse(line)))));
}
