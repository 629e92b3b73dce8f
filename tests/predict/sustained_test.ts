import assert from "node:assert/strict";
import type { Sustained } from "../../src/bundle/meta_blocks.ts";
import type { Row } from "../../src/bundle/tables.ts";
import { predictor } from "../../src/predict/predictor.ts";
import type { PredictorSource } from "../../src/predict/source.ts";
import { placeOf, ratioAt } from "../../src/predict/sustained.ts";
import type { Category } from "../../src/shots/shot.ts";

const row = (layer: string | null, key: number[], timeUs: number): Row => ({ layer, key, timeUs });
const lasting = (
  category: Category,
  layer: string,
  key: number[],
  time_us: number,
  sm_clock_mhz: number | null,
  tp = 1,
): Sustained => ({ category, tp, key, layer, time_us, power_w: 700, sm_clock_mhz });

/** Rows of an H200: gate_up_proj is bound by the products, act_fn by the memory. */
const TABLES: Partial<Record<Category, Row[]>> = {
  dense: [
    ...[row("gate_up_proj", [64], 60), row("gate_up_proj", [1024], 300), row("gate_up_proj", [2048], 600)],
    ...[row("act_fn", [2048], 48), row("layernorm", [2048], 12)],
  ],
  attention: [
    row(null, [0, 0, 64, 4096], 250),
    row(null, [2048, 8192, 0, 0], 470),
    row(null, [2048, 0, 0, 0], 80),
  ],
  moe: [row(null, [2048, 128], 400), row(null, [64, 128], 250)],
};
const REST = lasting("dense", "embedding", [2048], 66, 1980);

function source(...sustained: Sustained[]): PredictorSource {
  return {
    tps: [1, 2],
    meta: { sustained },
    table: (_, category) => TABLES[category] ?? [],
    skewFit: () => [],
  };
}

Deno.test("a row that was repeated without a pause has the time that it took", () => {
  const measured = source(REST, lasting("dense", "gate_up_proj", [2048], 717, 1485));
  const { dense } = predictor(measured, { state: "sustained" });
  assert.equal(dense(1, "gate_up_proj", 2048), 717_000);
  assert.equal(predictor(measured).dense(1, "gate_up_proj", 2048), 600_000);
});

const RATIOS: Record<string, [sustained: Sustained[], ratio: number]> = {
  "between measured places it is linear": [
    [lasting("dense", "gate_up_proj", [2048], 720, 1485), lasting("dense", "gate_up_proj", [64], 60, 1980)],
    1 + 0.2 * (1024 - 64) / (2048 - 64),
  ],
  "below the first it falls to nothing at no tokens": [
    [lasting("dense", "gate_up_proj", [2048], 720, 1485)],
    1.1,
  ],
  "it is no more than the clock is lower": [
    [lasting("dense", "gate_up_proj", [1024], 330, 1980 / 1.05)],
    1.05,
  ],
  "it is no less than 1": [[lasting("dense", "gate_up_proj", [1024], 290, 1500)], 1],
  "a call that was launched too slowly tells nothing": [
    [lasting("dense", "gate_up_proj", [1024], 900, 1980)],
    1,
  ],
  "a device that does not tell its clock tells nothing": [
    [lasting("dense", "gate_up_proj", [1024], 360, null)],
    1,
  ],
  "a call that is longer than a lower clock explains is taken as far as the clock": [
    [lasting("dense", "gate_up_proj", [1024], 480, 1500)],
    1.32,
  ],
  "a layer of that name in another table tells nothing": [
    [
      lasting("dense", "gate_up_proj", [1024], 330, 1500),
      lasting("per_sequence", "gate_up_proj", [1024], 390, 1500),
    ],
    1.1,
  ],
  "shots count by their place, whatever their order": [
    [lasting("dense", "gate_up_proj", [64], 60, 1980), lasting("dense", "gate_up_proj", [2048], 720, 1485)],
    1 + 0.2 * (1024 - 64) / (2048 - 64),
  ],
  "a shot that has no row tells nothing": [[lasting("dense", "gate_up_proj", [512], 360, 1500)], 1],
};
for (const [what, [sustained, ratio]] of Object.entries(RATIOS)) {
  Deno.test(`of a layer that was sustained ${what}`, () => {
    const { dense } = predictor(source(REST, ...sustained), { state: "sustained" });
    assert.equal(dense(1, "gate_up_proj", 1024), Math.trunc(300_000 * ratio));
  });
}

Deno.test("layers of which nothing was sustained keep their times", () => {
  const { dense } = predictor(source(REST, lasting("dense", "act_fn", [2048], 49, 1900)), {
    state: "sustained",
  });
  assert.equal(dense(1, "layernorm", 2048), 12_000);
  assert.equal(dense(1, "act_fn", 2048), 49_000);
});

Deno.test("another degree has the ratios of the nearest one that was measured", () => {
  const { dense } = predictor(source(REST, lasting("dense", "gate_up_proj", [2048], 720, 1485)), {
    state: "sustained",
  });
  assert.equal(dense(2, "gate_up_proj", 2048), 720_000);
});

Deno.test("attention is lengthened by how many queries read a key: prefills more than decodes", () => {
  const { attention } = predictor(
    source(
      REST,
      lasting("attention", "attention", [2048, 8192, 0, 0], 470 * 1.16, 1650),
      lasting("attention", "attention", [0, 0, 64, 4096], 250 * 1.02, 1900),
    ),
    { state: "sustained" },
  );
  const ratio = (chunk: number, kvPrefill: number, nDecode: number, kvDecode: number, us: number): number =>
    attention(1, { chunk, kvPrefill, nDecode, kvDecode }) / us / 1000;
  assert.equal(ratio(0, 0, 64, 4096, 250).toFixed(3), "1.020");
  assert.equal(ratio(2048, 8192, 0, 0, 470).toFixed(3), "1.160");
  // A fresh prefill reads each key 1024 times, one behind 8192 tokens of history 1843 times.
  assert.equal(ratio(2048, 0, 0, 0, 80).toFixed(3), "1.149");
});

Deno.test("experts are lengthened by tokens", () => {
  const { moe } = predictor(source(REST, lasting("moe", "moe", [2048, 128], 440, 1700)), {
    state: "sustained",
  });
  assert.equal(moe({ tokens: 2048, activatedExperts: 128 }), 440_000);
  assert.equal(moe({ tokens: 64, activatedExperts: 128 }), Math.trunc(250_000 * (1 + 0.1 * 64 / 2048)));
});

Deno.test("the sustained state of a bundle that tells nothing of it is refused", () => {
  assert.throws(() => predictor(source(), { state: "sustained" }), {
    name: "UsageError",
    message:
      "Cannot predict the sustained state: the bundle has no sustained shots in its meta.yaml; measure it " +
      'with a harness that tells power and clock, or ask for { state: "cool" }',
  });
});

Deno.test("ratioAt stays where the last point is above it", () => {
  assert.equal(ratioAt([[10, 1.1], [20, 1.3]], 4000), 1.3);
});

Deno.test("of several degrees the one that is nearest by ratio counts", () => {
  const degrees = source(
    REST,
    lasting("dense", "gate_up_proj", [2048], 720, 1485, 1),
    lasting("dense", "gate_up_proj", [2048], 660, 1485, 4),
  );
  const { dense } = predictor({ ...degrees, tps: [1, 2, 4, 8] }, { state: "sustained" });
  assert.deepEqual([1, 4, 8].map((tp) => dense(tp, "gate_up_proj", 2048)), [720_000, 660_000, 660_000]);
});

const placesOf: [Category, number[], number][] = [
  ["dense", [64], 64],
  ["moe", [64, 128], 64],
  ["linear_attention", [100, 7], 107],
  ["attention", [0, 0, 64, 4096], 0],
  ["attention", [1, 99, 0, 0], 0],
  ["attention", [512, 0, 0, 0], 8],
  ["attention", [1024, 1024, 0, 0], Math.log2(1024 * 1536 / 2048)],
  ["attention", [512, 0, 1, 511], Math.log2((512 * 256 + 512) / (512 + 512))],
  ["attention", [512, 512, 3, 99], Math.log2((512 * 768 + 300) / (1024 + 300))],
];
for (const [category, key, place] of placesOf) {
  Deno.test(`a lasting ${category} shot of ${key} lies at ${place.toFixed(3)}`, () => {
    assert.equal(placeOf(category, key), place);
  });
}

Deno.test("v1.2's rows are lengthened as August's, at the place that their prefill's middle tells", () => {
  const cool: PredictorSource = {
    ...source(
      REST,
      lasting("attention", "attention", [2048, 8192, 0, 0], 470 * 1.16, 1650),
      lasting("attention", "attention", [2048, 0, 0, 0], 80 * 1.1, 1650),
      lasting("dense", "gate_up_proj", [2048], 720, 1485),
    ),
    kernels: (_, table) =>
      new Map<string, ReadonlyMap<number, readonly Row[]>>(
        table === "attention"
          ? [[
            "attention",
            new Map([[1, [row(null, [2048, 9216, 0, 0], 470), row(null, [2048, 1024, 0, 0], 80)]]]),
          ]]
          : table === "dense" || table === "mtp"
          ? [["gate_up_proj", new Map([[1, [row("gate_up_proj", [2048], 600)]]])]]
          : [],
      ),
  };
  const asked = (state: "cool" | "sustained"): number[] => {
    const { attention, dense, mtp } = predictor(cool, { simulator: "v1.2", state });
    return [
      attention(1, { chunk: 2048, kvPrefill: 8192, nDecode: 0, kvDecode: 0 }),
      attention(1, { chunk: 2048, kvPrefill: 0, nDecode: 0, kvDecode: 0 }),
      dense(1, "gate_up_proj", 2048),
      mtp(1, "gate_up_proj", 2048),
    ];
  };
  assert.deepEqual(asked("cool"), [470_000, 80_000, 600_000, 600_000]);
  assert.deepEqual(
    asked("sustained"),
    [545_200, 88_000, 720_000, 600_000],
    "a drafter's layers are not repeated",
  );
});
