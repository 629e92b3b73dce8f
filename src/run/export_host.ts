/**
 * What a simulator needs of the machine around a bundle: the device's memory and how much of it holds KV blocks, the
 * link between devices, cluster files and hardware.yaml.
 *
 * @module
 */
import { join } from "node:path";
import {
  COLLECTIVES,
  type Collectives,
  formatCollectives,
  hardwareDirOf,
  readCollectives,
} from "../bundle/collectives_file.ts";
import { formatHardware, parseHardware } from "../bundle/hardware_file.ts";
import type { WholeBundle } from "../bundle/open.ts";
import type { Simulator } from "../bundle/simulator.ts";
import { plural } from "../count_text.ts";
import { UsageError } from "../errors.ts";
import { readTextIfThere } from "../files/read.ts";
import { fitLink, type LinkFit } from "../fit/link_fit.ts";
import { type DevicePower, readDevicePower } from "../journal/device_power.ts";
import { textConfig } from "../model/config.ts";
import { layerKinds } from "../model/kinds.ts";
import type { Model } from "../model/model.ts";
import { quantizedType } from "../model/quantization.ts";
import { preferred } from "../predict/communication.ts";
import type { HardwareSheet } from "../roofline/hardware.ts";
import { fits } from "../serving/capacity.ts";

/** Bandwidth and latency between two devices; the network model of either simulator counts 2^30 bytes a GB. */
export interface NetworkLink {
  /** Bandwidth in GiB/s. */
  readonly bandwidthGibS: number;
  /** Latency in nanoseconds. */
  readonly latencyNs: number;
}

/** A device, and what lies between several of them. */
export interface Host {
  /** Its hardware.yaml, where somebody wrote one. */
  readonly text: string | null;
  /** Memory in GiB. */
  readonly memoryGib: number;
  /** Memory bandwidth in GB/s. */
  readonly bandwidthGbS: number;
  /** The link that hardware.yaml names; null where it names none. */
  readonly link: NetworkLink | null;
  /** Measured collectives, null where nobody has measured. */
  readonly collectives: Collectives | null;
  /** The links that fit them, by number of devices. */
  readonly fits: readonly LinkFit[];
  /** Power that was measured, null where the device does not tell. */
  readonly power: DevicePower | null;
}

/**
 * Reads what is known of a bundle's hardware: hardware.yaml and collectives.csv beside the models' folders, the data
 * sheet where they do not say, power from the bundle's journal.
 *
 * @param bundle The bundle.
 * @param sheet The data sheet, null for none.
 * @param notes Receives what cannot be used, in sentences.
 * @returns The host, null where neither file nor sheet says how much memory the device has.
 * @throws {UsageError} when a file breaks a rule.
 */
export async function hostOf(
  { dir, meta }: Pick<WholeBundle, "dir" | "meta">,
  sheet: HardwareSheet | null,
  notes: string[],
): Promise<Host | null> {
  const path = join(hardwareDirOf(dir), "hardware.yaml");
  const text = await readTextIfThere(path);
  const { linkGibS, linkNs, memoryGib = sheet?.memory_gib, bandwidthGbS = sheet?.bandwidth_gb_s } =
    text === null ? {} : parseHardware(text, path);
  if (memoryGib === undefined || bandwidthGbS === undefined) return null;
  const link = linkGibS === undefined || linkNs === undefined
    ? null
    : { bandwidthGibS: linkGibS, latencyNs: linkNs };
  const collectives = await readCollectives(hardwareDirOf(dir));
  const fits = collectives === null ? [] : linkFits(collectives, bandwidthGbS, notes);
  return { text, memoryGib, bandwidthGbS, link, collectives, fits, power: await readDevicePower(dir, meta) };
}

function linkFits({ samples }: Collectives, memoryGbS: number, notes: string[]): LinkFit[] {
  return [...Map.groupBy(samples, ({ ranks }) => ranks)].flatMap(([ranks, of]) => {
    const own = COLLECTIVES.flatMap((collective) =>
      preferred(of.filter((one) => one.collective === collective))
    );
    try {
      return [fitLink(own, { memoryGbS })];
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      notes.push(`The collectives between ${plural(ranks, "device")} give no link: ${error.message}`);
      return [];
    }
  });
}

/** Options of {@linkcode hostFiles}. */
export interface HostFilesOptions {
  /** Who reads them. */
  readonly simulator: Simulator;
  /** The link that the user names, in place of what is known. */
  readonly link: NetworkLink | undefined;
  /** Folder of the hardware in the simulator. */
  readonly hardwareDir: string;
  /** The data sheet, and where it is, for hardware.yaml; null for none. */
  readonly sheet: { readonly figures: HardwareSheet; readonly from: string } | null;
}

/** A file of the simulator's checkout. */
export interface HostFile {
  /** Its path in the checkout. */
  readonly path: string;
  /** Its text. */
  readonly text: string;
}

/**
 * Writes cluster files, one instance for each degree, and for v1.2 hardware.yaml and collectives.csv.
 *
 * @param bundle The bundle.
 * @param model Its model.
 * @param host The host.
 * @param options Who reads them.
 * @param notes Receives what was left out or assumed, in sentences.
 * @returns The cluster files, and the others.
 */
export function hostFiles(
  bundle: WholeBundle,
  model: Model,
  host: Host,
  options: HostFilesOptions,
  notes: string[],
): { clusters: HostFile[]; others: HostFile[] } {
  const { simulator, link, hardwareDir, sheet } = options;
  const linked = bundle.tps.filter((tp) => tp === 1 || linkAt(tp, host, link) !== null);
  const left = bundle.tps.filter((tp) => !linked.includes(tp));
  if (left.length > 0) {
    notes.push(
      `Cluster files for tp ${left.join(", ")} are left out: nobody measured the link between devices; ` +
        "shotlab collectives measures it, or pass --link-bandwidth and --link-latency",
    );
  }
  if (link === undefined && host.link === null) linkNotes(linked, host, simulator, notes);
  const shares = new Map(linked.map((tp) => [tp, memoryShare(bundle, model, host, tp)]));
  memoryNotes(shares, host, notes);
  powerNotes(bundle.meta.hardware ?? "", host.power, notes);
  notes.push(
    "cpu_mem of the cluster files is an assumption; it counts when KV blocks are moved to the host alone",
  );
  const clusters = linked.map((tp) =>
    clusterFile(bundle, model, host, { simulator, link, tp }, shares.get(tp)!)
  );
  if (simulator === "august") return { clusters, others: [] };
  const others: HostFile[] = [];
  const text = host.text ?? (sheet === null ? null : hardwareText(bundle, host, sheet));
  if (text !== null) others.push({ path: `${hardwareDir}/hardware.yaml`, text });
  if (host.collectives !== null) {
    others.push({ path: `${hardwareDir}/collectives.csv`, text: formatCollectives(host.collectives) });
  }
  return { clusters, others };
}

/** The link of a degree: what the user names, what hardware.yaml says, what fits the collectives. */
function linkAt(tp: number, { link, fits }: Host, asked: NetworkLink | undefined): NetworkLink | null {
  return asked ?? link ?? fits.find(({ ranks }) => ranks === tp) ?? fits[0] ?? null;
}

/** Whether v1.2 finds the link of a degree in hardware.yaml, with a bandwidth of each collective. */
function isInherited(tp: number, { text, link, fits }: Host, asked: NetworkLink | undefined): boolean {
  if (asked !== undefined) return false;
  return text !== null
    ? link !== null
    : fits.length > 0 && (fits.find(({ ranks }) => ranks === tp) ?? fits[0]) === fits[0];
}

/** One device has no link, but the fields must be there. */
const NO_LINK: NetworkLink = { bandwidthGibS: 1, latencyNs: 0 };

function clusterFile(
  { meta: { hardware = "" } }: WholeBundle,
  { id }: Model,
  host: Host,
  { simulator, link, tp }: Pick<HostFilesOptions, "simulator" | "link"> & { readonly tp: number },
  share: MemoryShare,
): HostFile {
  const newer = simulator === "v1.2";
  const own = newer && isInherited(tp, host, link) ? null : linkAt(tp, host, link) ?? NO_LINK;
  const memory = { mem_size: host.memoryGib, mem_bw: host.bandwidthGbS, mem_latency: 0 };
  const cluster = {
    num_nodes: 1,
    ...own && { link_bw: own.bandwidthGibS, link_latency: own.latencyNs },
    nodes: [{
      num_instances: 1,
      cpu_mem: { mem_size: 512, mem_bw: 256, mem_latency: 0 },
      instances: [{
        model_name: id,
        hardware,
        npu_mem: { ...newer ? {} : memory, ...share.utilization !== null && { mem_util: share.utilization } },
        num_npus: tp,
        tp_size: tp,
        pd_type: null,
      }],
    }],
  };
  return {
    path: `configs/cluster/${hardware}_${id.replace("/", "_")}_tp${tp}.json`,
    text: `${JSON.stringify(cluster, null, 2)}\n`,
  };
}

/** Says where the link comes from that nobody has named. */
function linkNotes(
  tps: readonly number[],
  { text, fits }: Host,
  simulator: Simulator,
  notes: string[],
): void {
  if (fits.length === 0) return;
  if (simulator === "v1.2" && text !== null) notes.push(FILE_WINS);
  for (const tp of tps.filter((tp) => tp > 1)) {
    const own = fits.find(({ ranks }) => ranks === tp);
    const { ranks, error, worstError } = own ?? fits[0]!;
    const percent = (share: number): string => `${(100 * share).toFixed(0)}%`;
    notes.push(
      `tp ${tp}: the link is fitted to collectives between ${plural(ranks, "device")}, ${
        percent(error)
      } off on average and ` +
        `${percent(worstError)} at most` +
        (own === undefined ? "; between so many devices nobody measured" : ""),
    );
  }
}

const FILE_WINS =
  "hardware.yaml is taken as it is and names no link: what collectives.csv measured stands in the cluster files";

/** How much of a device's memory holds weights and KV blocks. */
interface MemoryShare {
  /** The share, null where it cannot be said. */
  readonly utilization: number | null;
  /** KV blocks, an estimate. */
  readonly blocks: number;
  /** Why there is none. */
  readonly problem: string | null;
}

/**
 * `mem_util`: the simulator gives the KV cache what is left of that share behind the weights, and knows nothing of
 * activations, graphs and the runtime.
 */
function memoryShare({ meta }: WholeBundle, model: Model, host: Host, tp: number): MemoryShare {
  const none = (problem: string): MemoryShare => ({ utilization: null, blocks: 0, problem });
  if (quantizedType(model.config) !== null) {
    return none("the simulator's own count of quantized weights is not known");
  }
  if (layerKinds(model).some(({ attn }) => attn === "linear_attention" || attn === "hybrid_attention")) {
    return none("the state of its recurrent layers is not counted");
  }
  try {
    const { max_num_batched_tokens: tokens, max_num_seqs: requests } = meta.engine_effective ?? {};
    const { blocks, blockSize, bytes, caches } = fits(
      model,
      { memory_gib: host.memoryGib },
      {
        tp,
        ...typeof tokens === "number" && { maxNumBatchedTokens: tokens },
        ...typeof requests === "number" && { maxNumSeqs: requests },
      },
    );
    const [cache] = caches;
    const { kv_lora_rank: latent, num_key_value_heads: heads, num_attention_heads } = textConfig(
      model.config,
    );
    const kvHeads = Number(heads ?? num_attention_heads);
    if (caches.length !== 1 || latent !== undefined || cache === undefined) {
      return none("the simulator knows one kind of KV cache");
    }
    if (blocks < 2) return none("the model does not fit");
    const perBlock = cache.bytesPerToken * blockSize * (kvHeads / tp) / Math.max(1, kvHeads / tp);
    const share = (bytes.weights + (blocks + 0.5) * perBlock) / (host.memoryGib * 2 ** 30);
    return { utilization: Number(share.toFixed(6)), blocks, problem: null };
  } catch (error) {
    if (error instanceof UsageError) return none(error.message);
    throw error;
  }
}

function memoryNotes(shares: ReadonlyMap<number, MemoryShare>, { memoryGib }: Host, notes: string[]): void {
  for (const [tp, { utilization, blocks, problem }] of shares) {
    notes.push(
      utilization === null
        ? `tp ${tp}: mem_util is left out (${problem}); the simulator then takes 0.9 of the memory and knows of no ` +
          "activations"
        : `tp ${tp}: mem_util ${utilization} of ${memoryGib} GiB leaves ${
          plural(blocks, "KV block")
        }, an estimate of vLLM's ` +
          "num_gpu_blocks (docs/serving.md)",
    );
  }
}

function powerNotes(hardware: string, power: DevicePower | null, notes: string[]): void {
  notes.push(
    power === null
      ? "The power block is left out: the bundle's journal has no readings of the device's power"
      : `The power block is left out, as nobody measured the host's parts of it; its npu part by the bundle's journal: ` +
        `"${hardware}": {"idle_power": ${power.idleW}, "active_power": ${power.busyW}}, lowest reading between shots ` +
        "and mean of layers under a lasting load",
  );
}

function hardwareText(
  { meta: { hardware = "" } }: WholeBundle,
  { fits: [link], collectives, power }: Host,
  { figures, from }: NonNullable<HostFilesOptions["sheet"]>,
): string {
  const measured = (value: number, unit: string): {
    value: number;
    source: "measured";
    unit: string;
    from: string;
  } => ({ value, source: "measured", unit, from: `collectives.csv, ${plural(link!.ranks, "device")}` });
  return formatHardware({
    hardware,
    gpuName: figures.device,
    memoryGib: figures.memory_gib,
    bandwidthGbS: figures.bandwidth_gb_s,
    multiprocessors: figures.multiprocessors,
    l2Mib: figures.l2_mib,
    from,
    link: link === undefined ? null : {
      bandwidthGibS: measured(link.bandwidthGibS, "GiB/s"),
      latencyNs: measured(link.latencyNs, "ns"),
      fit: link,
      collectives: collectives!,
    },
    power,
  });
}
