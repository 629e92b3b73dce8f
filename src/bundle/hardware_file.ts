/**
 * hardware.yaml: what v1.2 takes of a card where a cluster file does not say it.
 *
 * @module
 */
import { z } from "zod";
import type { Collective, Collectives, CollectiveWay } from "./collectives_file.ts";
import { UsageError } from "../errors.ts";
import { formatYaml, parseYaml } from "../files/yaml.ts";
import { MAX_META_CHARS } from "./meta.ts";

/** A figure and where it comes from. */
export interface Sourced {
  /** The figure. */
  readonly value: number;
  /** Whether it was measured, is a data sheet's, or an assumption. */
  readonly source: "measured" | "spec" | "assumed";
  /** Its unit. */
  readonly unit: string;
  /** By what, in words. */
  readonly from?: string;
}

/** What a card's file says. */
export interface HardwareFile {
  /** Name of the hardware: the folder. */
  readonly hardware: string;
  /** Device name as its driver reports it. */
  readonly gpuName: string;
  /** Memory in GiB. */
  readonly memoryGib: number;
  /** Memory bandwidth in GB/s. */
  readonly bandwidthGbS: number;
  /** Multiprocessors. */
  readonly multiprocessors: number;
  /** Last cache before the memory, in MiB. */
  readonly l2Mib: number;
  /** Where these come from. */
  readonly from: string;
  /** What was measured between cards; null where nobody has measured. */
  readonly link: {
    readonly bandwidthGibS: Sourced;
    readonly latencyNs: Sourced;
    /** The fit behind them, and what it was fitted to; absent where somebody else measured. */
    readonly fit?: FittedLink;
    /** The collectives, those between as many devices are written. */
    readonly collectives?: Collectives;
  } | null;
  /** Power that was measured, in watts; nothing reads it. @default {null} */
  readonly power?: { readonly idleW: number; readonly busyW: number } | null;
}

/** A link that was fitted to collectives. */
export interface FittedLink {
  /** Devices that took part. */
  readonly ranks: number;
  /** Through what each collective ran. */
  readonly ways: Readonly<Partial<Record<Collective, CollectiveWay>>>;
  /** Latency of a phase in nanoseconds. */
  readonly latencyNs: number;
  /** Bandwidth for all collectives in GiB/s. */
  readonly bandwidthGibS: number;
  /** Bandwidth of each collective in GiB/s. */
  readonly bandwidthsGibS: Readonly<Partial<Record<Collective, number>>>;
  /** Mean error without sign, as a share. */
  readonly error: number;
}

const NO_LINK =
  "nobody measured the link between two of these cards; a cluster file has to carry link_bw and link_latency";

/**
 * Writes the file.
 *
 * @param file What it says.
 * @returns The file's text.
 *
 * @example
 * ```ts
 * import { formatHardware } from "./hardware_file.ts";
 * import assert from "node:assert/strict";
 * const text = formatHardware({
 *   hardware: "H100", gpuName: "NVIDIA H100 80GB HBM3", memoryGib: 80, bandwidthGbS: 3350, multiprocessors: 132,
 *   l2Mib: 50, from: "the data sheet", link: null,
 * });
 * assert.match(text, /mem_bw:\n {6}value: 3350\n {6}source: spec\n {6}unit: GB\/s/);
 * ```
 */
export function formatHardware(file: HardwareFile): string {
  const { hardware, gpuName, memoryGib, bandwidthGbS, multiprocessors, l2Mib, from, link, power = null } =
    file;
  const spec = (value: number, unit: string): Sourced => ({ value, source: "spec", unit, from });
  return formatYaml({
    hardware,
    written_by: "shotlab",
    spec: {
      gpu_name: gpuName,
      sm_count: multiprocessors,
      memory_total_gib: memoryGib,
      memory_bw_gbps: bandwidthGbS,
      l2_cache_mib: l2Mib,
    },
    measured: {
      ...link?.collectives && { at: link.collectives.head.at },
      interconnect: interconnectOf(link),
      ...link === null && { interconnect_unavailable: NO_LINK },
      ...power && { power: { idle_w: power.idleW, busy_w: power.busyW } },
    },
    defaults: {
      ...link && { link_bw: link.bandwidthGibS, link_latency: link.latencyNs },
      ...link?.fit && { collective_links: linksOf(link.fit, link.bandwidthGibS) },
      npu_mem: {
        mem_size: spec(memoryGib, "GiB"),
        mem_bw: spec(bandwidthGbS, "GB/s"),
        mem_latency: { value: 0, source: "assumed", unit: "ns" },
      },
    },
  });
}

/** What was measured between the cards, as v1.2's own profiler lays it out. */
function interconnectOf(link: HardwareFile["link"]): unknown {
  const { fit, collectives } = link ?? {};
  if (fit === undefined || collectives === undefined) return null;
  const samples = collectives.samples.filter(({ ranks, way, collective }) =>
    ranks === fit.ranks && way === fit.ways[collective]
  );
  const fitOf = (bandwidth: number): object => ({
    bandwidth_gbps: bandwidth,
    bandwidth_unit: "GiB/s",
    latency_ns: fit.latencyNs,
  });
  return {
    npus: fit.ranks,
    collectives: Object.keys(fit.ways),
    dtype: collectives.head.dtype,
    communicator: Object.entries(fit.ways).map(([collective, way]) => `${collective}: ${way}`).join(", "),
    samples: samples.map(({ collective, bytes, us }) => ({
      ...{ collective, bytes, us },
      ...collectives.head.graphs && { us_graphed: us },
    })),
    fit: { ...fitOf(fit.bandwidthGibS), mean_abs_residual_pct: Number((100 * fit.error).toFixed(3)) },
    collective_fits: Object.fromEntries(
      Object.entries(fit.bandwidthsGibS).map(([name, bandwidth]) => [name, fitOf(bandwidth)]),
    ),
  };
}

function linksOf({ bandwidthsGibS }: FittedLink, common: Sourced): Record<string, { link_bw: Sourced }> {
  return Object.fromEntries(
    Object.entries(bandwidthsGibS).map(([name, value]) => [name, { link_bw: { ...common, value } }]),
  );
}

/** What a card's file gives a cluster that does not say it itself; what is absent there is absent here. */
export interface HardwareDefaults {
  /** Bandwidth between two cards in GiB/s. */
  readonly linkGibS?: number;
  /** Latency between them in nanoseconds. */
  readonly linkNs?: number;
  /** Memory in GiB. */
  readonly memoryGib?: number;
  /** Memory bandwidth in GB/s. */
  readonly bandwidthGbS?: number;
}

const figure = z.looseObject({ value: z.number({ error: "must be a number" }) }).optional();
const fileSchema = z.looseObject({
  defaults: z.looseObject({
    link_bw: figure,
    link_latency: figure,
    npu_mem: z.looseObject({ mem_size: figure, mem_bw: figure }).optional(),
  }).optional(),
});

/**
 * Reads a card's file.
 *
 * @param text The file's YAML.
 * @param path Its path, for the message.
 * @returns Its defaults, which are all that v1.2 reads of it.
 * @throws {UsageError} when the text is no YAML, or a default is no figure.
 *
 * @example
 * ```ts
 * import { parseHardware } from "./hardware_file.ts";
 * import assert from "node:assert/strict";
 * const text = "defaults:\n  link_bw: { value: 28.7, source: measured, unit: GiB/s }\n";
 * assert.deepEqual(parseHardware(text, "hardware.yaml"), { linkGibS: 28.7 });
 * ```
 */
export function parseHardware(text: string, path: string): HardwareDefaults {
  const parsed = fileSchema.safeParse(parseYaml(text, path, MAX_META_CHARS) ?? {});
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new UsageError(`Cannot read ${path}: ${issue!.path.join(".") || "the file"} ${issue!.message}`);
  }
  const { link_bw: link, link_latency: latency, npu_mem: memory } = parsed.data.defaults ?? {};
  return {
    ...link && { linkGibS: link.value },
    ...latency && { linkNs: latency.value },
    ...memory?.mem_size && { memoryGib: memory.mem_size.value },
    ...memory?.mem_bw && { bandwidthGbS: memory.mem_bw.value },
  };
}
