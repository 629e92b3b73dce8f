/**
 * A harness that answers from a recorded bundle.
 *
 * @module
 */
import { gaussian, uniform } from "../random.ts";
import { type Bundle, openBundle, type WholeBundle } from "../bundle/open.ts";
import { HarnessError, UsageError } from "../errors.ts";
import { CATEGORY_ORDER, type Shot, shotKey } from "../shots/shot.ts";
import { VERSION } from "../version.ts";
import type { BootRequest, Harness, HarnessInfo } from "./harness.ts";
import { type InProcessEngine, inProcessHarness, type ShotAnswer } from "./in_process.ts";
import { recordedBlocks, recordedLimits, recordedSkew, recordedTimes } from "./recorded.ts";

/** How a replay differs from its bundle. */
export interface ReplayOptions {
  /** Milliseconds that each shot takes. @default {0} */
  readonly delayMs?: number;
  /** Standard deviation of the samples around the row, relative to it. @default {0} */
  readonly noise?: number;
  /** Share of the shots that fail, or which ones, such as `attention:1:16,0,2,128` (category, tp, key). @default {0} */
  readonly fail?: number | readonly string[];
  /** Seed of noise and failures; a shot's own depend on nothing else. @default {0} */
  readonly seed?: number;
}

/**
 * Opens a bundle and answers its shots from it; it says that it is the device that was measured.
 *
 * @param dir The bundle's folder.
 * @param options How the answers differ from the rows.
 * @returns The harness. A shot without a row fails as infeasible.
 * @throws {UsageError} when the bundle cannot be read or an option is out of range.
 *
 * @example
 * ```ts
 * import { replayHarness } from "shotlab/harness";
 * import assert from "node:assert/strict";
 * const dir = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${dir}/meta.yaml`, "hardware: BOX\ngpu: Box 9000\n");
 * await using harness = await replayHarness(dir, { noise: 0.01, seed: 7 });
 * assert.equal(harness.info.device, "Box 9000");
 * await Deno.remove(dir, { recursive: true });
 * ```
 */
export async function replayHarness(dir: string, options: ReplayOptions = {}): Promise<Harness> {
  const { delayMs = 0, noise = 0, fail = 0, seed = 0 } = options;
  atLeastZero("delayMs", delayMs);
  atLeastZero("noise", noise);
  if (typeof fail === "number" && !(fail >= 0 && fail <= 1)) {
    throw new UsageError(`Cannot replay: fail must be a share from 0 to 1, got ${fail}`);
  }
  const bundle = await openBundle(dir);
  const fails = typeof fail === "number"
    ? (id: string): boolean => uniform(`fail ${id}`, seed) < fail
    : (id: string): boolean => fail.includes(id);
  return inProcessHarness({
    info: infoOf(bundle),
    delayMs,
    boot: (request) => engineOf(bundle, request, { noise, fails, seed }),
  });
}

function atLeastZero(name: string, value: number): void {
  if (!(value >= 0 && value < Infinity)) {
    throw new UsageError(`Cannot replay: ${name} must be 0 or more, got ${value}`);
  }
}

function infoOf({ meta }: Bundle): HarnessInfo {
  return {
    harness: "replay",
    harness_version: VERSION,
    engine: meta.engine ?? "vllm",
    engine_version: meta.engine_version ?? meta.vllm_version ?? "unknown",
    device: meta.devices?.[0] ?? meta.gpu ?? "unknown",
    driver: meta.driver ?? "unknown",
    runtime: meta.runtime ?? (meta.cuda_version ? `cuda ${meta.cuda_version}` : "unknown"),
    quantities: [meta.quantity ?? "kernel"],
    lanes: 1,
    ...meta.processor && { processor: meta.processor },
  };
}

/** What differs from the rows. */
interface Disturbance {
  readonly noise: number;
  readonly fails: (id: string) => boolean;
  readonly seed: number;
}

function engineOf(
  bundle: WholeBundle,
  request: BootRequest,
  { noise, fails, seed }: Disturbance,
): InProcessEngine {
  if (!bundle.tps.includes(request.tp)) {
    throw new HarnessError(
      `Cannot boot tp ${request.tp}: the bundle ${bundle.dir} has tp ${bundle.tps.join(", ")}`,
      { stage: "boot", kind: "unsupported" },
    );
  }
  const recorded = new Map(
    CATEGORY_ORDER.map((category) => [category, recordedTimes(bundle, request, category)]),
  );
  const skew = recordedSkew(bundle, request.tp);
  const layers = [...recorded.values()].flatMap((category) => category.layers);
  /** What a shot asks for, and the times that there are of it. */
  const look = (
    shot: Shot,
    key: readonly number[],
  ): [names: readonly string[], times: Readonly<Record<string, number>>] => {
    if (shot.category === "skew") return [shot.parts, skew.get(key.join()) ?? {}];
    const { layers, times } = recorded.get(shot.category)!;
    return [layers, times(key)];
  };
  return {
    booted: {
      limits: recordedLimits(bundle, request),
      num_gpu_blocks: recordedBlocks(bundle),
      layers: Object.fromEntries(layers.map((layer) => [layer, { class: "recorded", modules: 1 }])),
      engine_args: bundle.meta.engine_effective ?? {},
    },
    answer(shot, iterations): ShotAnswer {
      const key = shotKey(shot);
      const id = `${shot.category}:${shot.tp}:${key.join()}`;
      const [names, row] = look(shot, key);
      const missing = names.filter((name) => !Object.hasOwn(row, name));
      if (names.length === 0 || missing.length > 0) {
        const which = missing.length < names.length ? ` of ${missing.join(", ")}` : "";
        return { kind: "infeasible", message: `The replayed bundle has no row${which} for ${id}` };
      }
      if (fails(id)) return { kind: "out_of_memory", message: `The replay is to fail ${id}` };
      return {
        samples: Object.fromEntries(names.map((name) => [
          name,
          Array.from({ length: iterations }, (_, n) => {
            const factor = noise === 0 ? 1 : Math.exp(noise * gaussian(`${id} ${name} ${n}`, seed));
            return row[name]! * factor;
          }),
        ])),
      };
    },
  };
}
