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
import { openBundle } from "../../../src/bundle/open.ts";
import { roundDecimals } from "../../../src/number_format.ts";
import { loadModel } from "../../../src/model/load_model.ts";
import { percent } from "../../../src/stats.ts";
import { median } from "../../../src/stats.ts";
import { predictor } from "../../../src/predict/predictor.ts";
import { readText } from "../../../src/files/read.ts";
import { runScript } from "../../../tasks/script.ts";
import { apart, apartText, evidencePath, writeEvidence } from "../apart.ts";
import { refuseOther } from "../same_subject.ts";
import { difference, differencesIf, judge, type Judged, layerShares, uncovered } from "./judge.ts";
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

/** Layers that have something in common. */
const PARTS: Readonly<Record<string, (layer: string) => boolean>> = {
  attention: (layer) => layer === "attention",
  "matrix products": (layer) => layer.endsWith("_proj") || layer === "moe",
  norms: (layer) => layer.endsWith("norm"),
};

/** What is left of the differences when a part of the layers is as it was measured. */
interface Part {
  readonly part: string;
  readonly per_layer: ReturnType<typeof apart>;
}

function partsOf(judged: readonly Judged[]): Part[] {
  return Object.entries(PARTS).map(([part, belongs]) => ({
    part,
    per_layer: apart(differencesIf(judged, belongs)),
  }));
}

/** What the device does for a forward besides its layers, in microseconds. */
function elsewhereUs({ batch: { few, many }, layers }: Judged): number {
  const each = layers.get(ELSEWHERE)?.measured ?? 0;
  return ((few.layersUs[ELSEWHERE] ?? 0) + (many.layersUs[ELSEWHERE] ?? 0) -
    each * (few.layers + many.layers)) / 2;
}

/** How much longer decoder layers take from event to event than their kernels do, all batches together. */
function eventsShare(judged: readonly Judged[]): number | null {
  const fired = judged.flatMap(({ perLayer: { measured }, perLayerEventUs }) =>
    perLayerEventUs === null ? [] : [[perLayerEventUs, measured] as const]
  );
  const sum = (at: 0 | 1): number => fired.reduce((total, pair) => total + pair[at], 0);
  return fired.length === 0 ? null : roundDecimals(sum(0) / sum(1) - 1, 5);
}

if (import.meta.main) {
  const script = {
    usage: "compare.ts FILE BUNDLE [--out FILE]",
    options: { out: { type: "string" } },
  } as const;
  await runScript({ ...script, words: [2, 2] }, async ({ out }, file, dir) => {
    const { header, batches, failed } = parseTruth(await readText(file), file);
    const bundle = await openBundle(dir);
    refuseOther(bundle, file, header);
    const model = await loadModel(header.model);
    const source = predictor(bundle, { architecture: model.architecture });
    const judged = batches.map((batch) => judge(source, model, batch));
    const groups = groupsOf(judged);
    const inOrder = judged.filter(({ batch }) => batch.order === "prefills_first");
    const layers = layerShares(inOrder).map(({ layer, share, adds, differences }) => ({
      layer,
      share: roundDecimals(share, 5),
      adds: roundDecimals(adds, 5),
      ...differences.length > 0 && apart(differences),
    }));
    const parts = partsOf(inOrder);
    const outsideUs = roundDecimals(median(inOrder.map(elsewhereUs)), 1);
    const events = eventsShare(inOrder);
    const kernels = uncovered(inOrder);

    for (const { name, batches, per_layer, whole } of groups) {
      console.log(`${name} (${batches}): per layer ${apartText(per_layer)}, whole ${apartText(whole)}`);
    }
    console.table(layers);
    const exact = parts.map(({ part, per_layer: { p50, p90 } }) =>
      `${percent(p50)} / ${percent(p90)} if the times of ${part} were exact`
    );
    const explained = [
      `the error of a layer would be ${exact.join(", ")}`,
      `besides its layers a forward keeps the device busy for ${outsideUs} µs, which no bundle holds`,
      ...events === null ? [] : [
        `between two events a layer takes ${percent(Math.abs(events))} ${
          events < 0 ? "less" : "more"
        } than its kernels`,
      ],
    ];
    for (const sentence of explained) console.log(sentence);
    console.log(
      `kernels in decoder layers outside of the catalogue's layers: ${kernels.join("; ") || "none"}`,
    );
    for (const message of failed) console.log(`failed: ${message}`);
    await writeEvidence(out ?? evidencePath("truth", header.model), {
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
      if_exact: parts,
      elsewhere_us: outsideUs,
      events_share: events,
      uncovered_kernels: kernels,
      explained,
    });
  });
}
