/**
 * A harness process that answers every shot at once with the same times, to measure what everything around costs.
 *
 * @module
 */
import { encode, type Request } from "../../src/harness/protocol.ts";

type Boot = Extract<Request, { type: "boot" }>;
type Fire = Extract<Request, { type: "fire" }>;

const samples: Record<string, string> = {};

function booted({ architecture, tp, max_num_batched_tokens, max_num_seqs }: Boot): string {
  const layers: Record<string, { class: string; modules: number }> = {};
  for (const [category, group] of Object.entries(architecture.catalog)) {
    for (const layer of Object.keys(group)) layers[layer] = { class: "None", modules: 1 };
    samples[category] = JSON.stringify(
      Object.fromEntries(Object.keys(group).map((layer) => [layer, [120.5, 121.25, 119.75]])),
    );
  }
  const limits = {
    max_num_batched_tokens,
    max_num_seqs,
    num_cache_tokens: 8_000_000,
    max_model_len: 131_072,
    num_experts: null,
    top_k: null,
    block_size: 16,
  };
  return encode({ type: "booted", tp, limits, num_gpu_blocks: 500_000, layers, engine_args: {} });
}

function fired({ seq, shots }: Fire): string {
  const lines = shots.map(({ category }, index) =>
    `{"type":"result","seq":${seq},"index":${index},"samples":${samples[category]}}\n`
  );
  return lines.join("") + `{"type":"done","seq":${seq}}\n`;
}

function answer(request: Request): string {
  switch (request.type) {
    case "hello":
      return encode({
        type: "hello",
        protocol: 1,
        harness: "instant",
        harness_version: "1",
        engine: "none",
        engine_version: "1",
        device: "none",
        driver: "none",
        runtime: "none",
        quantities: ["wall"],
        lanes: 1,
      });
    case "boot":
      return booted(request);
    case "fire":
      return fired(request);
    case "sustain":
    case "walk":
      return encode({ type: "error", kind: "unsupported", message: "it has no device", detail: null });
    case "shutdown":
      return encode({ type: "bye" });
  }
}

let rest = "";
for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + text).split("\n");
  rest = lines.pop()!;
  for (const line of lines) Deno.stdout.writeSync(new TextEncoder().encode(answer(JSON.parse(line))));
}
