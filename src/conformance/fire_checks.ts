/**
 * Checks of firing: every category, the number of samples, shots that cannot be fired.
 *
 * @module
 */
import { plural } from "../count_text.ts";
import { CATEGORY_ORDER, type SweepCategory } from "../shots/shot.ts";
import { type Bench, ITERATIONS, only, samplesOf } from "./bench.ts";
import { type Check, DoesNotApply } from "./check.ts";
import { NotMet } from "./dialogue.ts";
import { type Sample, sampleOf } from "./shots.ts";

const SWEPT: readonly SweepCategory[] = [...CATEGORY_ORDER, "skew"];

/** The checks of firing, in their order. */
export const FIRE_CHECKS: readonly Check[] = [
  ...SWEPT.map((category): Check => ({
    id: `fire-${category}`,
    rule: category === "skew"
      ? "times every part of skew cases"
      : `times every layer of ${category} shots, and no others`,
    async run(bench): Promise<void> {
      const { dialogue, booted } = await bench.booted();
      const sample = sampleOf(category, bench.model, booted);
      if (sample === null) throw new DoesNotApply(`the model has no ${category} layer`);
      const fired = await bench.fire(dialogue, sample.shots);
      for (const [index, shot] of sample.shots.entries()) {
        holdSamples(samplesOf(fired[index]!, shot), sample, [ITERATIONS, ITERATIONS]);
      }
    },
  })),
  {
    id: "mixed-chunk",
    rule: "answers the shots of a chunk one by one, in their order, whatever their categories",
    async run(bench): Promise<void> {
      const { dialogue, booted } = await bench.booted();
      const samples = SWEPT.flatMap((category) => sampleOf(category, bench.model, booted) ?? []);
      const shots = [0, 1].flatMap((index) => samples.map((sample) => sample.shots[index]!));
      const fired = await bench.fire(dialogue, shots);
      for (const [index, shot] of shots.entries()) {
        holdSamples(samplesOf(fired[index]!, shot), samples[index % samples.length]!, [
          ITERATIONS,
          ITERATIONS,
        ]);
      }
    },
  },
  {
    id: "iterations",
    rule: "takes as many samples as asked",
    run: (bench) => holds(bench, { iterations: 5 }, [5, 5]),
  },
  {
    id: "precision",
    rule: "takes from min to max samples when a precision is asked, or as many as iterations says",
    run: (bench) => holds(bench, { precision: { relative: 0.5, min: 2, max: 6 } }, [2, 6]),
  },
  {
    id: "infeasible",
    rule: "answers a shot that breaks a limit with failed of kind infeasible, and fires the next",
    async run(bench): Promise<void> {
      const { dialogue, booted } = await bench.booted();
      const { shots: [shot] } = sampleOf("dense", bench.model, booted)!;
      const huge = { ...shot, tokens: 100 * booted.limits.max_model_len };
      const [failed, next] = await bench.fire(dialogue, [huge, shot]);
      if (failed!.type !== "failed" || failed!.kind !== "infeasible") {
        const got = failed!.type === "failed" ? `failed of kind ${failed!.kind}` : failed!.type;
        throw new NotMet(`${JSON.stringify(huge)} must have failed of kind infeasible, got ${got}`);
      }
      samplesOf(next!, shot);
    },
  },
  {
    id: "bad-shot",
    rule: "answers a shot that lacks a field with failed of kind bad_request, and fires the next",
    async run(bench): Promise<void> {
      const { dialogue, booted } = await bench.booted();
      const { shots: [shot] } = sampleOf("dense", bench.model, booted)!;
      const [failed, next] = await bench.fire(dialogue, [{ category: "dense", tp: 1 }, shot]);
      if (failed!.type !== "failed" || failed!.kind !== "bad_request") {
        const got = failed!.type === "failed" ? `failed of kind ${failed!.kind}` : failed!.type;
        throw new NotMet(`a dense shot without tokens must have failed of kind bad_request, got ${got}`);
      }
      samplesOf(next!, shot);
    },
  },
  {
    id: "quantity",
    rule: "answers a quantity that it does not measure with an error, which changes nothing",
    async run(bench): Promise<void> {
      const { dialogue, booted } = await bench.booted();
      const { shots: [shot] } = sampleOf("dense", bench.model, booted)!;
      const request = { type: "fire", seq: 1, shots: [shot], iterations: 1, quantity: "guess" };
      only(await dialogue.ask(request, bench.shotTimeoutS), "error");
      samplesOf((await bench.fire(dialogue, [shot]))[0]!, shot);
    },
  },
];

async function holds(bench: Bench, extra: object, counts: readonly [number, number]): Promise<void> {
  const { dialogue, booted } = await bench.booted();
  const sample = sampleOf("dense", bench.model, booted)!;
  const [shot] = sample.shots;
  holdSamples(samplesOf((await bench.fire(dialogue, [shot], extra))[0]!, shot), sample, counts);
}

function holdSamples(
  samples: Readonly<Record<string, readonly number[]>>,
  { names, shots: [{ category }] }: Sample,
  [least, most]: readonly [number, number],
): void {
  const got = Object.keys(samples);
  const missing = names.filter((name) => !got.includes(name));
  if (missing.length > 0) throw new NotMet(`the ${category} shot lacks samples of ${missing.join(", ")}`);
  const foreign = got.filter((name) => !names.includes(name));
  if (foreign.length > 0) throw new NotMet(`the ${category} shot has samples of ${foreign.join(", ")} too`);
  for (const [name, { length }] of Object.entries(samples)) {
    if (length >= least && length <= most) continue;
    const expected = least === most ? plural(least, "sample") : `${least} to ${most} samples`;
    throw new NotMet(`there must be ${expected} of ${name}, got ${length}`);
  }
}
