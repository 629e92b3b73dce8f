/**
 * Several harnesses as one: whether they measure the same thing, and what their engines allow together.
 *
 * @module
 */
import { HarnessError } from "../errors.ts";
import type { Booted, HarnessInfo } from "../harness/harness.ts";
import { commonProcessor, factText } from "../processor.ts";

const WORDS = ["engine", "engine_version", "device", "driver"] as const;
const COMPARED = [...WORDS, "processor"] as const;

/** A harness and what messages call it. */
export interface NamedInfo {
  /** Its name. */
  readonly name: string;
  /** Who it is. */
  readonly info: HarnessInfo;
}

/**
 * Where harnesses differ in engine, engine version, device, driver or processor.
 *
 * @param harnesses The harnesses; the others are held against the first that tells of a field.
 * @returns One text per difference, `<field> <value> on <name>, <value> on <name>`.
 */
export function kindDifferences(harnesses: readonly NamedInfo[]): string[] {
  return COMPARED.flatMap((field) => {
    const [first, ...others] = harnesses.flatMap(({ name, info: { [field]: fact } }) =>
      fact === undefined ? [] : [{ name, text: factText(fact) }]
    );
    const other = others.find(({ text }) => text !== first!.text);
    return other === undefined
      ? []
      : [`${field} ${first!.text} on ${first!.name}, ${other.text} on ${other.name}`];
  });
}

/**
 * Several harnesses as one.
 *
 * @param infos Who they are.
 * @returns The first one's words; where they differ, all different values joined by ` + `; lanes add up.
 */
export function joinedInfo(infos: readonly [HarnessInfo, ...HarnessInfo[]]): HarnessInfo {
  const joined = WORDS.map((field) => [field, [...new Set(infos.map((info) => info[field]))].join(" + ")]);
  const quantities = infos[0].quantities.filter((quantity) =>
    infos.every((info) => info.quantities.includes(quantity))
  );
  const lanes = infos.reduce((sum, info) => sum + info.lanes, 0);
  const [processor, ...others] = infos.flatMap((info) => info.processor ?? []);
  return {
    ...infos[0],
    ...Object.fromEntries(joined),
    quantities,
    lanes,
    ...processor && { processor: commonProcessor([processor, ...others]) },
  };
}

/** An engine and what messages call it. */
export interface NamedBooted {
  /** Its name. */
  readonly name: string;
  /** What its boot told. */
  readonly booted: Booted;
}

/**
 * The engine that stands for several: what it allows, each of them allows.
 *
 * @param engines The engines.
 * @returns The first one's facts, with the least of each limit.
 * @throws {HarnessError} when they differ in KV blocks, experts or layers, so that one plan cannot serve them.
 */
export function commonBooted(engines: readonly [NamedBooted, ...NamedBooted[]]): Booted {
  const [first] = engines;
  for (const { name, booted } of engines) {
    for (const [what, of] of Object.entries(SHARED)) {
      const [here, there] = [of(first.booted), of(booted)];
      if (here !== there) {
        throw new HarnessError(
          `Cannot fire one plan on engines that differ: ${what} ${here} on ${first.name}, ${there} on ${name}; ` +
            `measure on one of them at a time`,
          { stage: "boot", kind: "unsupported" },
        );
      }
    }
  }
  const least = (of: (booted: Booted) => number): number =>
    Math.min(...engines.map(({ booted }) => of(booted)));
  return {
    ...first.booted,
    limits: {
      ...first.booted.limits,
      max_num_batched_tokens: least(({ limits }) => limits.max_num_batched_tokens),
      max_num_seqs: least(({ limits }) => limits.max_num_seqs),
      num_cache_tokens: least(({ limits }) => limits.num_cache_tokens),
      max_model_len: least(({ limits }) => limits.max_model_len),
    },
    num_gpu_blocks: least((booted) => booted.num_gpu_blocks),
  };
}

const SHARED: Readonly<Record<string, (booted: Booted) => string>> = {
  block_size: ({ limits }) => String(limits.block_size),
  num_experts: ({ limits }) => String(limits.num_experts),
  top_k: ({ limits }) => String(limits.top_k),
  layers: ({ layers }) => Object.keys(layers).sort().join(", "),
};
