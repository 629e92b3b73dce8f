/** Tiny runs with fakes: the shots that they fire and the table that is made of them. */
import { formatTimeUs } from "../../src/number_format.ts";
import { fakeHarness, fakeTimeUs } from "./fakes.ts";
import { type TinyRun, tinyRun } from "./tiny_run.ts";

/** The shots that a run fires. */
export async function firedBy(
  dir: string,
  sweeps: Parameters<typeof tinyRun>[1],
  run: TinyRun = {},
): Promise<string[]> {
  const fired: string[] = [];
  await tinyRun(dir, sweeps, { source: { harness: fakeHarness({ fired }) }, ...run });
  return fired;
}

export function row(layer: string, tokens: number, tp = 1): string {
  return `${layer},${tokens},${formatTimeUs(fakeTimeUs({ category: "dense", tp, tokens }, layer))}\n`;
}

export const WHOLE = "layer,tokens,time_us\n" + row("norm", 1) + row("norm", 2) + row("proj", 1) +
  row("proj", 2);
