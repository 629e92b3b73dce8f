/**
 * What is known of published bundles: metadata that drifted from the tables, the union of two grids, a corner that was
 * never measured, skew times that are sums, and kernels that change at a size. `published-bundles.json` has the rows of
 * them that show it.
 */
import assert from "node:assert/strict";
import type { Issue } from "../../src/bundle/issue.ts";
import { validate } from "../../src/check/validate.ts";
import { withBundle } from "./with_bundle.ts";

const { bundles }: { bundles: Record<string, Record<string, string[]>> } = JSON.parse(
  await Deno.readTextFile(new URL("../data/published-bundles.json", import.meta.url)),
);

/** The grid of meta.yaml has powers of two; that of the table has also those of 1.5. */
const TWO_GRIDS = [1, 2].flatMap((tp) => [
  `grid-off-meta tp${tp}/attention.csv prefill_chunk: 24, 36, 54, 81, 122, 182, 273, 410, ... (11)`,
  `grid-off-meta tp${tp}/attention.csv kv_prefill: 768, 1152, 1728, 2592, 3888, 5832, 8748, 13122`,
  `grid-off-meta tp${tp}/attention.csv kv_decode: 768, 1152, 1728, 2592, 3888, 5832, 8748, 13122`,
  `grid-ragged tp${tp}/attention.csv kv_prefill`,
  `grid-ragged tp${tp}/attention.csv kv_decode`,
  `grid-corner tp${tp}/attention.csv n_decode: 128 decodes with a prefill at most`,
]);
const SUMMED = [1, 2].map((tp) => `skew-summed tp${tp}/skew.csv t_max_us: 3 times those of attention.csv`);

/** All of them are warnings: none makes a simulator fail. */
const KNOWN: Record<string, string[]> = {
  "RTX4090/meta-llama/Llama-3.1-8B": [
    "skew-fit-off tp1/skew_fit.csv",
    "grid-corner tp1/attention.csv n_decode: 128 decodes with a prefill at most",
    "skew-profile meta.yaml skew_profile.enabled: false",
    SUMMED[0]!,
    "time-falls tp1/dense.csv tokens: embedding 0.44 of the time at tokens 32, at 4 places",
    "time-step tp1/dense.csv tokens: rotary_emb 2.10 times at tokens 1296, at 2 places",
    "time-falls tp1/attention.csv prefill_chunk: 0.71 of the time at 256,1024,64,16384, at 5 places",
    "time-falls tp1/attention.csv kv_prefill: 0.71 of the time at 512,16384,32,16384, at 3 places",
  ],
  "RTXPRO6000/meta-llama/Llama-3.1-8B": [
    ...TWO_GRIDS,
    ...SUMMED,
    "time-falls tp1/dense.csv tokens: embedding 0.41 of the time at tokens 32, at 4 places",
    "time-falls tp1/attention.csv kv_prefill: 0.67 of the time at 2048,8192,32,16384, at 6 places",
    "time-falls tp2/dense.csv tokens: embedding 0.41 of the time at tokens 32, at 4 places",
    "time-falls tp2/attention.csv kv_prefill: 0.69 of the time at 1024,16384,64,16384, at 4 places",
  ],
  "RTXPRO6000/Qwen/Qwen3-30B-A3B-Instruct-2507": [
    ...TWO_GRIDS,
    ...SUMMED,
    "time-falls tp1/dense.csv tokens: embedding 0.41 of the time at tokens 32, at 4 places",
    "time-falls tp1/attention.csv kv_prefill: 0.56 of the time at 512,16384,64,16384, at 6 places",
    "time-falls tp2/dense.csv tokens: embedding 0.41 of the time at tokens 32, at 4 places",
    "time-falls tp2/dense.csv tokens: o_proj 0.68 of the time at tokens 32, at 4 places",
    "time-falls tp2/attention.csv kv_prefill: 0.66 of the time at 1024,16384,64,16384, at 6 places",
  ],
  "RTXPRO6000/Qwen/Qwen3-32B": [
    ...TWO_GRIDS,
    ...SUMMED,
    "time-falls tp1/dense.csv tokens: embedding 0.42 of the time at tokens 32, at 4 places",
    "time-falls tp1/attention.csv kv_prefill: 0.54 of the time at 256,16384,64,16384, at 8 places",
    "time-step tp2/dense.csv tokens: act_fn 1.94 times at tokens 1296, at 1 place",
    "time-falls tp2/dense.csv tokens: embedding 0.42 of the time at tokens 32, at 4 places",
    "time-falls tp2/attention.csv kv_prefill: 0.58 of the time at 512,16384,64,16384, at 9 places",
  ],
};

Deno.test("the known bundles are those that there are rows of", () => {
  assert.deepEqual(Object.keys(KNOWN), Object.keys(bundles));
});

for (const [name, known] of Object.entries(KNOWN)) {
  Deno.test(`validate finds in ${name} what is known of it, and nothing else`, async () => {
    const texts = Object.entries(bundles[name]!).map(([path, lines]) => [path, `${lines.join("\n")}\n`]);
    await withBundle(Object.fromEntries(texts), async (dir) => {
      // These are some rows of each table: values of the grid are missing, as it says.
      const issues = (await validate(dir)).filter(({ code }) => code !== "grid-incomplete");
      assert.deepEqual(issues.map((issue) => summary(issue, dir)), known);
      assert.ok(issues.every(({ severity }) => severity === "warning"));
    });
  });
}

/** Code, place, layer, and what is found; how many lines are ragged depends on the rows that are here. */
function summary({ code, path, column = "", message, found = "" }: Issue, dir: string): string {
  const place = `${code} ${path.replace(`${dir}/`, "")} ${column}`.trim();
  if (code === "grid-ragged" || found === "") return place;
  const [, layer = "", places = ""] = /^(?:(\w+): )?.*?(, at \d+ places?)?$/.exec(message)!;
  const key = found.replace(
    /prefill_chunk (\d+), kv_prefill (\d+), n_decode (\d+), kv_decode (\d+)/,
    "$1,$2,$3,$4",
  );
  return `${place}: ${`${layer} `.trimStart()}${key}${places}`;
}
