/**
 * The link between devices as v1.2's network has it: a latency and a bandwidth, fitted to measured collectives.
 *
 * @module
 */
import type { Collective, CollectiveSample } from "../bundle/collectives_file.ts";
import { COLLECTIVES } from "../bundle/collectives_file.ts";
import type { FittedLink } from "../bundle/hardware_file.ts";
import { UsageError } from "../errors.ts";
import { mean } from "../stats.ts";

/** A link, fitted; its mean error is over the samples, with the bandwidth of each collective. */
export interface LinkFit extends FittedLink {
  /** The largest error without sign, as a share. */
  readonly worstError: number;
}

/** How a link is fitted. */
export interface LinkFitOptions {
  /** The device's memory bandwidth in 10⁹ bytes a second, in whole numbers, as the network has it. */
  readonly memoryGbS: number;
  /** The latency, where it is known. @default {"fitted"} */
  readonly latencyNs?: number;
}

/** What an operation takes at either end, in nanoseconds. */
const ENDPOINT_NS = 10;

/** What an operation sends: phases of chunks, some of them reduced. */
function shapeOf(collective: Collective, bytes: number, ranks: number): readonly [number, number, number] {
  switch (collective) {
    case "all_reduce":
      return [2 * (ranks - 1), ranks - 1, Math.floor(bytes / ranks)];
    case "all_gather":
      return [ranks - 1, 0, bytes];
    case "reduce_scatter":
      return [ranks - 1, ranks - 1, bytes];
  }
}

/**
 * What v1.2's ring takes for a collective: P · ⌊L + C · 10⁹ / (B · 2³⁰)⌋ + 3R · ⌊C / M⌋ + (P + 1) · 10 ns, with P
 * phases of chunks of C bytes, R of them reduced, latency L, bandwidth B and memory bandwidth M.
 *
 * @param sample The collective, its devices and bytes.
 * @param link Latency in nanoseconds and bandwidth in GiB/s.
 * @param memoryGbS Memory bandwidth in 10⁹ bytes a second.
 * @returns Nanoseconds.
 *
 * @example
 * ```ts
 * import { ringNs } from "./link_fit.ts";
 * import assert from "node:assert/strict";
 * const sample = { collective: "all_reduce", ranks: 2, bytes: 4096 } as const;
 * assert.equal(ringNs(sample, { latencyNs: 6600, bandwidthGibS: 28.731784 }, 1597), 13_365);
 * ```
 */
export function ringNs(
  { collective, bytes, ranks }: Pick<CollectiveSample, "collective" | "bytes" | "ranks">,
  { latencyNs, bandwidthGibS }: { readonly latencyNs: number; readonly bandwidthGibS: number },
  memoryGbS: number,
): number {
  const [phases, reductions, chunk] = shapeOf(collective, bytes, ranks);
  return phases * Math.floor(latencyNs + chunk * 1e9 / (bandwidthGibS * 2 ** 30)) +
    3 * reductions * Math.floor(chunk / memoryGbS) + (phases + 1) * ENDPOINT_NS;
}

/**
 * Fits the link: latency and bandwidth together by least squares of the relative errors over all samples, neither
 * below 0, then a bandwidth for each collective at that latency.
 *
 * @param samples Samples of one number of devices, one way for each collective.
 * @param options The memory's bandwidth, and the latency where it is known.
 * @returns The link.
 * @throws {UsageError} when there are fewer than two sizes, or no bandwidth fits: larger sizes do not take longer.
 */
export function fitLink(samples: readonly CollectiveSample[], options: LinkFitOptions): LinkFit {
  const memoryGbS = Math.floor(options.memoryGbS);
  if (new Set(samples.map(({ bytes }) => bytes)).size < 2) {
    throw new UsageError("Cannot fit the link: collectives of at least two sizes must be measured");
  }
  const equations = samples.map((sample): Equation => {
    const [phases, reductions, chunk] = shapeOf(sample.collective, sample.bytes, sample.ranks);
    const ns = sample.us * 1000;
    const rest = ns - 3 * reductions * Math.floor(chunk / memoryGbS) - (phases + 1) * ENDPOINT_NS;
    return { latency: phases / ns, perByte: phases * chunk * 1e9 / 2 ** 30 / ns, rest: rest / ns };
  });
  const latencyNs = Math.round(options.latencyNs ?? latencyOf(equations));
  const bandwidth = (of: readonly Equation[]): number => {
    const slope = slopeOf(of, latencyNs);
    if (slope > 0) return Number((1 / slope).toFixed(6));
    throw new UsageError("Cannot fit the link: collectives of more bytes must take longer, and do not");
  };
  const bandwidthGibS = bandwidth(equations);
  const bandwidthsGibS: Partial<Record<Collective, number>> = {};
  for (const collective of COLLECTIVES) {
    const own = equations.filter((_, at) => samples[at]!.collective === collective);
    if (own.length >= 2) bandwidthsGibS[collective] = bandwidth(own);
  }
  const errors = samples.map((sample) => {
    const link = { latencyNs, bandwidthGibS: bandwidthsGibS[sample.collective] ?? bandwidthGibS };
    return Math.abs(ringNs(sample, link, memoryGbS) / (sample.us * 1000) - 1);
  });
  return {
    ranks: samples[0]!.ranks,
    ways: Object.fromEntries(samples.map(({ collective, way }) => [collective, way])),
    latencyNs,
    bandwidthGibS,
    bandwidthsGibS,
    error: mean(errors),
    worstError: Math.max(...errors),
  };
}

/** latency · L + perByte / B = rest, all over the time that was measured. */
interface Equation {
  readonly latency: number;
  readonly perByte: number;
  readonly rest: number;
}

/** The latency of the best fit of both; 0 where it would be below. */
function latencyOf(equations: readonly Equation[]): number {
  const [a, b, c, u, v] = equations.reduce(([a, b, c, u, v], { latency, perByte, rest }) => [
    a + latency * latency,
    b + latency * perByte,
    c + perByte * perByte,
    u + latency * rest,
    v + perByte * rest,
  ], [0, 0, 0, 0, 0] as [number, number, number, number, number]);
  const determinant = a * c - b * b;
  return Math.max(0, (u * c - v * b) / determinant);
}

/** One over the bandwidth of the best fit at a latency. */
function slopeOf(equations: readonly Equation[], latencyNs: number): number {
  let [above, below] = [0, 0];
  for (const { latency, perByte, rest } of equations) {
    above += perByte * (rest - latency * latencyNs);
    below += perByte * perByte;
  }
  return above / below;
}
