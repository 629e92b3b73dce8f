// deno-lint-ignore-file no-console
/**
 * Compares real forwards with what a predictor makes of a bundle:
 *
 *     deno run -A tests/bench/truth/compare.ts truth.jsonl perf/H100/meta-llama/Llama-3.1-8B/bf16
 *
 * Prints the figures and writes `perf/evidence/truth-<model>.json`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { openBundle } from "../../../src/bundle/open.ts";
import { roundDecimals } from "../../../src/bundle/format.ts";
import { loadModel } from "../../../src/model/load_model.ts";
import { predictor } from "../../../src/predict/predictor.ts";
import { apart, apartText, writeEvidence } from "../apart.ts";
import { difference, judge, type Judged, type LayerShare, layerShares, uncovered } from "./judge.ts";
import { ELSEWHERE, parseTruth, type TruthBatch } from "./truth_file.ts";

/** Groups of batches, by what makes them belong to it. */
const GROUPS: Readonly<Record<string, (batch: TruthBatch) => boolean>> = {
  "decodes of one length": ({ kind }) => kind === "even",
  "decodes of many lengths": ({ kind }) => kind === "uneven",
  "one prefill": ({ kind }) => kind === "prefill",
  "one prefill beside decodes": ({ kind }) => kind === "mixed",
  "one prefill that fills the batch": ({ kind }) => kind === "full",
  "several prefills beside decodes": ({ kind }) => kind === "several",
};

/** Figures of a group of batches. */
interface Group {
  readonly name: string;
  readonly batches: number;
  readonly per_layer: ReturnType<typeof apart>;
  readonly whole: ReturnType<typeof apart>;
}

function groupsOf(judged: readonly Judged[]): Group[] {
  const inOrder = judged.filter(({ batch }) => batch.order === "prefills_first");
  const all: [string, readonly Judged[]][] = [
    ["all", inOrder],
    ...Object.entries(GROUPS).map(([name, belongs]): [string, readonly Judged[]] => [
      name,
      inOrder.filter(({ batch }) => belongs(batch)),
    ]),
    ["alpha of a bucket", inOrder.filter(({ alphaSource }) => alphaSource === "bucket")],
    ["alpha by default", inOrder.filter(({ alphaSource }) => alphaSource?.endsWith("default"))],
    [
      "prefills and decodes, the decodes first",
      judged.filter(({ batch }) => batch.order === "decodes_first"),
    ],
  ];
  return all.filter(([, members]) => members.length > 0).map(([name, members]) => ({
    name,
    batches: members.length,
    per_layer: apart(members.map(({ perLayer }) => difference(perLayer))),
    whole: apart(members.map(({ whole }) => difference(whole))),
  }));
}

/** What the differences come from, in sentences. */
function explain(shares: readonly LayerShare[], events: readonly number[]): string[] {
  const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;
  const signed = (share: number): string => `${share < 0 ? "-" : "+"}${percent(Math.abs(share))}`;
  const [rest] = shares.filter(({ layer }) => layer === ELSEWHERE);
  const largest = shares.filter(({ layer }) => layer !== ELSEWHERE)
    .toSorted((a, b) => Math.abs(b.adds) - Math.abs(a.adds)).slice(0, 3);
  return [
    ...largest.map(({ layer, share, adds }) =>
      `${layer} takes ${percent(share)} of a decoder layer and adds ${signed(adds)} to its predicted time`
    ),
    ...rest ? [`what no layer of the bundle holds takes ${percent(rest.share)} of a decoder layer`] : [],
    ...events.length > 0
      ? [
        `from event to event a decoder layer differs from the sum of its kernels by ${
          signed(apart(events).signed_p50)
        }`,
      ]
      : [],
  ];
}

if (import.meta.main) {
  const { values, positionals: [file, dir] } = parseArgs({
    allowPositionals: true,
    options: { out: { type: "string" } },
  });
  if (file === undefined || dir === undefined) {
    throw new Error("Expected compare.ts FILE BUNDLE [--out FILE]");
  }
  const { header, batches, failed } = parseTruth(await Deno.readTextFile(file));
  const bundle = await openBundle(dir);
  const model = await loadModel(header.model);
  const source = predictor(bundle, { architecture: model.architecture });
  const judged = batches.map((batch) => judge(source, model, batch));
  const groups = groupsOf(judged);
  const inOrder = judged.filter(({ batch }) => batch.order === "prefills_first");
  const shares = layerShares(inOrder);
  const layers = shares.map(({ layer, share, adds, differences }) => ({
    layer,
    share: roundDecimals(share, 5),
    adds: roundDecimals(adds, 5),
    ...differences.length > 0 && apart(differences),
  }));
  const events = inOrder.flatMap(({ perLayer, perLayerEventUs }) =>
    perLayerEventUs === null ? [] : [perLayerEventUs / perLayer.measured - 1]
  );
  const kernels = uncovered(inOrder);

  for (const { name, batches, per_layer, whole } of groups) {
    console.log(`${name} (${batches}): per layer ${apartText(per_layer)}, whole ${apartText(whole)}`);
  }
  console.table(layers);
  if (events.length > 0) console.log(`events against kernels, per layer: ${apartText(apart(events))}`);
  console.log(`kernels in decoder layers outside of the catalogue's layers: ${kernels.join("; ") || "none"}`);
  for (const message of failed) console.log(`failed: ${message}`);
  const name = header.model.split("/").at(-1);
  await writeEvidence(values.out ?? `perf/evidence/truth-${name}.json`, {
    kind: "truth",
    model: header.model,
    hardware: bundle.meta.hardware,
    device: header.device,
    driver: header.driver,
    engine_version: header.engine.split(" ").at(-1),
    quantity: header.quantity,
    tp: 1,
    batches: inOrder.length,
    seed: header.seed,
    layers: header.layers,
    groups,
    by_layer: layers,
    ...events.length > 0 && { events_against_kernels: apart(events) },
    uncovered_kernels: kernels,
    explained: explain(shares, events),
  });
}
