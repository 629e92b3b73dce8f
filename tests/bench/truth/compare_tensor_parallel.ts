// deno-lint-ignore-file no-console
/**
 * Compares real tensor-parallel ranks with the emulated one, from the file that `tensor_parallel.py` writes:
 *
 *     deno run -A tests/bench/truth/compare_tensor_parallel.ts tp2.jsonl --hardware H100
 *
 * Prints the figures and writes `perf/evidence/tensor_parallel-<model>.json`.
 *
 * @module
 */
import { z } from "zod";
import { UsageError } from "../../../src/errors.ts";
import { readText } from "../../../src/files/read.ts";
import { median } from "../../../src/stats.ts";
import { readJsonLines, runScript } from "../../../tasks/script.ts";
import { apart, apartText, evidencePath, writeEvidence } from "../apart.ts";
import { ELSEWHERE } from "./truth_file.ts";

/** Name of what passes between ranks. */
const COMMUNICATION = "communication";

const header = z.looseObject({
  type: z.literal("tensor_parallel"),
  model: z.string(),
  tp: z.int(),
  device: z.string(),
  driver: z.string(),
  engine: z.string(),
  quantity: z.string(),
});
const shot = z.object({
  type: z.literal("shot"),
  rank: z.int().nullable(),
  round: z.int(),
  shot: z.record(z.string(), z.unknown()),
  layers_us: z.record(z.string(), z.array(z.number())).default({}),
});

/** Signed differences by layer. */
type Differences = ReadonlyMap<string, readonly number[]>;

/** What a file of ranks shows; see {@linkcode compareRanks}. */
export interface RankDifferences {
  /** The real ranks against the emulated one. */
  readonly real: Differences;
  /** The emulated rank against itself: the noise. */
  readonly noise: Differences;
}

/**
 * Reads a file of ranks.
 *
 * @param text Its text; a last line that was cut does not count.
 * @param path The file, for messages.
 * @returns Its first line and the others.
 * @throws {UsageError} when a line is none of such a file.
 */
export function parseRanks(
  text: string,
  path: string,
): { header: z.infer<typeof header>; shots: z.infer<typeof shot>[] } {
  const [first, ...rest] = readJsonLines(text, path, z.discriminatedUnion("type", [header, shot]));
  if (first.type !== "tensor_parallel") {
    throw new UsageError(`Cannot read ${path}, line 1: it must be a header of ranks, got ${first.type}`);
  }
  return { header: first, shots: rest.filter((line) => line.type === "shot") };
}

/**
 * Puts every shot of the real ranks beside the same one of the emulated rank's first round, layer by layer.
 *
 * @param shots The shots of all runs.
 * @returns The differences.
 */
export function compareRanks(shots: readonly z.infer<typeof shot>[]): RankDifferences {
  const emulated = shots.filter(({ rank }) => rank === null);
  const reference = new Map(
    emulated.filter(({ round }) => round === 0).map((line) => [JSON.stringify(line.shot), line.layers_us]),
  );
  const against = (lines: typeof shots): Differences => {
    const differences = new Map<string, number[]>();
    for (const line of lines) {
      const before = reference.get(JSON.stringify(line.shot)) ?? {};
      for (const [layer, samples] of Object.entries(line.layers_us)) {
        const base = before[layer];
        if (base === undefined || layer === ELSEWHERE || median(base) === 0) continue;
        differences.set(layer, [...differences.get(layer) ?? [], median(samples) / median(base) - 1]);
      }
    }
    return differences;
  };
  return {
    real: against(shots.filter(({ rank }) => rank !== null)),
    noise: against(emulated.filter(({ round }) => round > 0)),
  };
}

/**
 * What passes between the ranks in a forward. A rank that comes first waits inside of it for the others, so that the
 * shortest time counts.
 *
 * @param shots The shots of all runs.
 * @returns Microseconds by the tokens of the dense shots.
 */
export function communicationUs(shots: readonly z.infer<typeof shot>[]): { tokens: number; us: number }[] {
  const dense = shots.filter(({ shot, layers_us }) =>
    shot["category"] === "dense" && COMMUNICATION in layers_us
  );
  return [...Map.groupBy(dense, ({ shot }) => Number(shot["tokens"]))].map(([tokens, fired]) => ({
    tokens,
    us: Math.min(...fired.flatMap(({ layers_us }) => layers_us[COMMUNICATION] ?? [])),
  }));
}

if (import.meta.main) {
  const usage = "compare_tensor_parallel.ts FILE --hardware NAME [--out FILE]";
  const options = { out: { type: "string" }, hardware: { type: "string" } } as const;
  await runScript({ usage, options, words: [1, 1] }, async ({ out, hardware }, file) => {
    if (hardware === undefined) throw new UsageError(`Usage: ${usage}`);
    const { header, shots } = parseRanks(await readText(file), file);
    const { real, noise } = compareRanks(shots);
    const modules = [...real].map(([module, differences]) => ({
      module,
      batches: differences.length,
      ...apart(differences),
      ...noise.has(module) && { noise: apart(noise.get(module)!) },
    }));
    for (const { module, batches, noise, ...figures } of modules) {
      const itself = noise === undefined ? "" : `, emulated again ${apartText(noise)}`;
      console.log(`${module} (${batches}): real against emulated ${apartText(figures)}${itself}`);
    }
    const communication = communicationUs(shots);
    console.table(communication);
    await writeEvidence(out ?? evidencePath("tensor_parallel", header.model), {
      kind: "tensor_parallel",
      model: header.model,
      hardware,
      device: header.device,
      driver: header.driver,
      engine_version: header.engine.split(" ").at(-1),
      quantity: header.quantity,
      tp: header.tp,
      ranks: new Set(shots.flatMap(({ rank }) => rank ?? [])).size,
      communication,
      modules,
    });
  });
}
