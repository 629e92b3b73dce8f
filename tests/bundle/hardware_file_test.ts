import assert from "node:assert/strict";
import type { CollectiveSample } from "../../src/bundle/collectives_file.ts";
import { formatHardware, type HardwareFile, parseHardware } from "../../src/bundle/hardware_file.ts";
import { parseYaml } from "../../src/files/yaml.ts";

const CARD: HardwareFile = {
  hardware: "LOOM",
  gpuName: "Loom 1",
  memoryGib: 80,
  bandwidthGbS: 3350,
  multiprocessors: 132,
  l2Mib: 50,
  from: "the data sheet",
  link: null,
};
const sourced = (value: number, unit: string): { value: number; source: "measured"; unit: string } => ({
  value,
  source: "measured",
  unit,
});
const sample = (ranks: number, way: string, collective: string, us: number): CollectiveSample =>
  ({ ranks, way, collective, bytes: 4096, us, minUs: us, maxUs: us, trials: 1 }) as CollectiveSample;
const LINK = {
  bandwidthGibS: sourced(100, "GiB/s"),
  latencyNs: sourced(2000, "ns"),
  fit: {
    ranks: 2,
    ways: { all_reduce: "vllm", all_gather: "nccl" },
    latencyNs: 2000,
    bandwidthGibS: 100,
    bandwidthsGibS: { all_reduce: 90, all_gather: 110 },
    error: 0.0123456,
  },
  collectives: {
    head: { at: "2026-11-29", dtype: "bfloat16", graphs: true },
    samples: [
      sample(2, "vllm", "all_reduce", 10),
      sample(2, "nccl", "all_reduce", 11),
      sample(4, "vllm", "all_reduce", 12),
      sample(2, "nccl", "all_gather", 13),
    ],
  },
} as unknown as NonNullable<HardwareFile["link"]>;
const written = (file: Partial<HardwareFile>): Record<string, Record<string, unknown>> =>
  parseYaml(formatHardware({ ...CARD, ...file }), "h", 1e6) as Record<string, Record<string, unknown>>;

Deno.test("hardware.yaml without a link says so, and what a sheet says", () => {
  const { spec, measured, defaults } = written({});
  assert.deepEqual(spec, {
    gpu_name: "Loom 1",
    sm_count: 132,
    memory_total_gib: 80,
    memory_bw_gbps: 3350,
    l2_cache_mib: 50,
  });
  assert.deepEqual(measured, {
    interconnect: null,
    interconnect_unavailable:
      "nobody measured the link between two of these cards; a cluster file has to carry link_bw and link_latency",
  });
  assert.deepEqual(defaults, {
    npu_mem: {
      mem_size: { value: 80, source: "spec", unit: "GiB", from: "the data sheet" },
      mem_bw: { value: 3350, source: "spec", unit: "GB/s", from: "the data sheet" },
      mem_latency: { value: 0, source: "assumed", unit: "ns" },
    },
  });
});

Deno.test("hardware.yaml of a link that was measured has the samples of the fit alone", () => {
  const { measured, defaults } = written({ link: LINK, power: { idleW: 60, busyW: 700 } as never });
  assert.deepEqual(measured, {
    at: "2026-11-29",
    interconnect: {
      npus: 2,
      collectives: ["all_reduce", "all_gather"],
      dtype: "bfloat16",
      communicator: "all_reduce: vllm, all_gather: nccl",
      samples: [
        { collective: "all_reduce", bytes: 4096, us: 10, us_graphed: 10 },
        { collective: "all_gather", bytes: 4096, us: 13, us_graphed: 13 },
      ],
      fit: { bandwidth_gbps: 100, bandwidth_unit: "GiB/s", latency_ns: 2000, mean_abs_residual_pct: 1.235 },
      collective_fits: {
        all_reduce: { bandwidth_gbps: 90, bandwidth_unit: "GiB/s", latency_ns: 2000 },
        all_gather: { bandwidth_gbps: 110, bandwidth_unit: "GiB/s", latency_ns: 2000 },
      },
    },
    power: { idle_w: 60, busy_w: 700 },
  });
  const { npu_mem: _, ...links } = defaults!;
  assert.deepEqual(links, {
    link_bw: LINK.bandwidthGibS,
    link_latency: LINK.latencyNs,
    collective_links: {
      all_reduce: { link_bw: sourced(90, "GiB/s") },
      all_gather: { link_bw: sourced(110, "GiB/s") },
    },
  });
});

Deno.test("hardware.yaml of a link that a user gave says no more than that", () => {
  const { bandwidthGibS, latencyNs } = LINK;
  const { measured, defaults } = written({ link: { bandwidthGibS, latencyNs } as never });
  assert.deepEqual(measured, { interconnect: null });
  assert.deepEqual(Object.keys(defaults!), ["link_bw", "link_latency", "npu_mem"]);
});

Deno.test("what v1.2 reads of hardware.yaml", () => {
  assert.deepEqual(parseHardware(formatHardware({ ...CARD, link: LINK }), "h"), {
    linkGibS: 100,
    linkNs: 2000,
    memoryGib: 80,
    bandwidthGbS: 3350,
  });
  assert.deepEqual(parseHardware("", "h"), {});
  for (
    const [text, rule] of [["1", "the file "], [
      "defaults:\n  link_bw: { value: x }\n",
      "defaults.link_bw.value must be a number",
    ]]
  ) {
    assert.throws(
      () => parseHardware(text!, "h.yaml"),
      (error: Error) => error.message.startsWith(`Cannot read h.yaml: ${rule}`),
    );
  }
});
