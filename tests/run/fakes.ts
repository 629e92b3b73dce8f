/** Harnesses and architectures for the tests of runs. */
import { HarnessError } from "../../src/errors.ts";
import type {
  Booted,
  BootRequest,
  FireFact,
  FireOptions,
  FireRequest,
  Harness,
  HarnessInfo,
  ShotOutcome,
  Stop,
} from "../../src/harness/harness.ts";
import type { Architecture, CatalogEntry } from "../../src/model/model.ts";
import { idOf, shotText } from "../../src/shots/shot_id.ts";
import { relativeError } from "../../src/stats.ts";
import { type Shot, shotKey } from "../../src/shots/shot.ts";

/** What a fake does with a shot in place of measuring it. */
export type Mishap = "die" | "hang" | "dead" | { failed: "out_of_memory" | "infeasible" } | {
  samples: number[];
};

/** How a fake behaves. */
export interface FakeOptions {
  /** Called before each shot is answered. */
  readonly mishap?: (shot: Shot) => Mishap | undefined;
  /** Fields of its identity that differ from the usual ones. */
  readonly info?: Partial<HarnessInfo>;
  /** Shots that were fired, collected here. */
  readonly fired?: string[];
  /** Boots, collected here as tensor-parallel degrees. */
  readonly booted?: number[];
  /** Fails when it is booted. */
  readonly bootFails?: () => boolean;
  /** What each sample of a shot is multiplied with; called once per sample. */
  readonly factor?: (shot: Shot, sample: number) => number;
  /** The clocks that are counted right before and right behind a shot, in MHz. */
  readonly clocks?: (shot: Shot) => readonly [number, number];
  /** What is told after the outcomes of a chunk. */
  readonly facts?: () => FireFact[];
}

/** An architecture of two dense layers, one of them stable, and one layer in each other category. */
export function tinyArchitecture(dense: Record<string, { stable?: boolean }> = {
  proj: {},
  norm: { stable: true },
}): Architecture {
  const entry = (stable?: boolean): CatalogEntry => ({ vllm: ["X"], ...stable ? { tp_stable: true } : {} });
  return {
    modelType: "tiny",
    sequence: {},
    sha256: "00",
    catalog: {
      dense: Object.fromEntries(Object.entries(dense).map(([name, { stable }]) => [name, entry(stable)])),
      per_sequence: { lm_head: entry(), sampler: entry(true) },
      attention: { attn: entry() },
      moe: {},
    },
  };
}

/** The time that a fake measures for a layer of a shot: it depends on layer, tp and key alone. */
export function fakeTimeUs(shot: Shot, layer: string): number {
  let hash = 7;
  for (const char of `${layer} ${shot.tp} ${shotKey(shot).join()}`) {
    hash = (hash * 31 + char.charCodeAt(0)) % 100_003;
  }
  return 1 + hash / 100;
}

/** A shot as a text, such as `dense tp1 16`. */
export const textOf = (shot: Shot): string => shotText(idOf(shot));

/** A harness in this process that measures {@linkcode fakeTimeUs}, unless a mishap comes between. */
export function fakeHarness(options: FakeOptions = {}): Harness {
  let architecture: Architecture | undefined;
  let open = true;
  const close = (): Promise<void> => {
    open = false;
    return Promise.resolve();
  };
  return {
    info: {
      harness: "fake",
      harness_version: "1",
      engine: "fake",
      engine_version: "1.0",
      device: "Abacus",
      driver: "none",
      runtime: "wood",
      quantities: ["wall"],
      lanes: 1,
      ...options.info,
    },
    boot(request: BootRequest): Promise<Booted> {
      options.booted?.push(request.tp);
      if (!open || options.bootFails?.()) {
        return Promise.reject(new HarnessError("Cannot boot: out of beads", { stage: "boot" }));
      }
      architecture = request.architecture;
      return Promise.resolve({
        limits: {
          max_num_batched_tokens: request.max_num_batched_tokens,
          max_num_seqs: request.max_num_seqs,
          num_cache_tokens: 1_000_000,
          max_model_len: 100_000,
          num_experts: null,
          top_k: null,
          block_size: 16,
        },
        num_gpu_blocks: 62_500,
        layers: {},
        engine_args: { load_format: "dummy" },
      });
    },
    async *fire(
      { shots, iterations, precision }: FireRequest,
      { signal, onFact }: FireOptions = {},
    ): AsyncGenerator<ShotOutcome> {
      for (const [index, shot] of shots.entries()) {
        if (!open) throw new HarnessError("Cannot fire: the harness is closed", { stage: "fire" });
        await Promise.resolve();
        signal?.throwIfAborted();
        options.fired?.push(textOf(shot));
        const mishap = options.mishap?.(shot);
        if (mishap === "die" || mishap === "hang") {
          open = false;
          const kind = mishap === "hang" ? "timeout" : "engine_dead";
          throw new HarnessError(`Cannot fire ${textOf(shot)}: ${mishap}`, { stage: "fire", kind });
        }
        if (mishap === "dead") {
          open = false;
          yield { status: "failed", index, kind: "engine_dead", message: "the frame broke" };
          return;
        }
        if (mishap !== undefined && "failed" in mishap) {
          yield { status: "failed", index, kind: mishap.failed, message: "too many beads" };
          continue;
        }
        const layers = shot.category === "skew"
          ? shot.parts
          : Object.keys(architecture!.catalog[shot.category] ?? {});
        const factors: number[] = [];
        const most = precision?.max ?? iterations;
        let stop: Stop = precision === undefined ? "iterations" : "max";
        while (factors.length < most && stop !== "precision") {
          factors.push(options.factor?.(shot, factors.length) ?? 1);
          const { relative = 0, min = most } = precision ?? {};
          if (precision && factors.length >= min && relativeError(factors)! <= relative) stop = "precision";
        }
        const samples = layers.map((layer) => [
          layer,
          mishap?.samples ?? factors.map((factor) => fakeTimeUs(shot, layer) * factor),
        ]);
        yield {
          ...{ status: "measured", index, samples: Object.fromEntries(samples), stop },
          ...options.clocks && { shot_clocks_mhz: options.clocks(shot) },
        };
      }
      for (const fact of options.facts?.() ?? []) onFact?.(fact);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
