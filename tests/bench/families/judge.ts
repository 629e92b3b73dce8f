/**
 * Says how far the rows of `families.py` are from whole forwards, and what of these layers cover.
 *
 * Usage: `deno run -A tests/bench/families/judge.ts FOLDER [evidence.json]`
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { UsageError } from "../../../src/errors.ts";
import type { Walk, WalkNode } from "../../../src/harness/walk.ts";
import { coverageOf } from "../../../src/inspect/coverage.ts";
import type { LayerKind } from "../../../src/model/kinds.ts";
import { median } from "../../../src/stats.ts";
import { readJsonFile, runScript } from "../../../tasks/script.ts";
import cases from "./cases.json" with { type: "json" };

interface Forward {
  readonly requests: readonly (readonly [number, number])[];
  readonly activated_experts: number | null;
  readonly rows: Readonly<Record<string, { fault?: string; samples?: Readonly<Record<string, number[]>> }>>;
  readonly forward: readonly WalkNode[];
  readonly fault?: string | null;
}

/** What `families.py` writes of a case. */
export interface Measured {
  readonly error?: string;
  readonly check?: string;
  readonly device?: { readonly device: string; readonly engine_version: string };
  readonly booted?: { readonly conditions?: Readonly<Record<string, unknown>>; readonly caches?: unknown };
  /** What the drafted layers cover; absent of a case that was cut before it. */
  readonly covered?: Walk;
  /** The same of the file's layers. */
  readonly walk?: Walk;
  readonly architecture?: {
    readonly sequence: Readonly<Record<string, readonly string[]>>;
    readonly layers: readonly (readonly string[])[];
  };
  readonly forwards?: Readonly<Record<string, Forward>>;
}

/** A forward against the sum of its rows. */
export interface Judged {
  readonly forward: string;
  /** Microseconds of the model's kernels, logits and sampler included. */
  readonly forwardUs: number;
  /** Those of layers that have rows: all, where no category failed. */
  readonly comparedUs: number;
  /** The rows that these consist of, added up. */
  readonly rowsUs: number;
  /** The share by which the rows differ from them; negative when they are less. */
  readonly error: number;
  /** By layer: microseconds in the forward, and of its rows. */
  readonly layers: Readonly<Record<string, { readonly forwardUs: number; readonly rowsUs: number }>>;
  /** Why a category has no rows. */
  readonly faults: readonly string[];
}

/**
 * Compares each forward of a case with its rows.
 *
 * @param measured The case.
 * @returns A comparison a forward; none when the case failed before.
 */
export function judge({ architecture, forwards = {} }: Measured): Judged[] {
  if (architecture === undefined) return [];
  const times = occurrences(architecture);
  return Object.entries(forwards).map(([forward, { rows, forward: nodes, fault }]) => {
    const found = new Map<string, { forwardUs: number; rowsUs: number }>();
    const at = (layer: string): { forwardUs: number; rowsUs: number } => {
      const known = found.get(layer) ?? { forwardUs: 0, rowsUs: 0 };
      found.set(layer, known);
      return known;
    };
    const owners: (string | null)[] = [];
    nodes.forEach(({ layer, parent, kernels }) => {
      owners.push(layer ?? (parent === null ? null : owners[parent]!));
      if (parent === null) return;
      for (const [, us] of kernels) at(owners.at(-1) ?? "no layer").forwardUs += us;
    });
    for (const { samples = {} } of Object.values(rows)) {
      for (const [layer, values] of Object.entries(samples)) {
        at(layer).rowsUs += median(values) * (times.get(layer) ?? 1);
      }
    }
    const withRows = [...found.values()].filter(({ rowsUs }) => rowsUs > 0);
    const sum = (of: "forwardUs" | "rowsUs"): number => withRows.reduce((total, each) => total + each[of], 0);
    const [comparedUs, rowsUs] = [sum("forwardUs"), sum("rowsUs")];
    const forwardUs = [...found.values()].reduce((total, each) => total + each.forwardUs, 0);
    const faults = Object.entries(rows).flatMap(([category, row]) =>
      row.fault === undefined ? [] : [`${category}: ${row.fault}`]
    );
    return {
      forward,
      forwardUs,
      comparedUs,
      rowsUs,
      error: rowsUs / comparedUs - 1,
      layers: Object.fromEntries(found),
      faults: [...faults, ...fault ? [`forward: ${fault}`] : []],
    };
  });
}

/** How often a forward of the engine runs each layer. */
function occurrences({ sequence, layers }: NonNullable<Measured["architecture"]>): Map<string, number> {
  const times = new Map<string, number>();
  for (const name of layers.flat()) times.set(name, (times.get(name) ?? 0) + 1);
  for (const name of [...sequence.prologue ?? [], ...sequence.head ?? []]) {
    if (!times.has(name)) times.set(name, 1);
  }
  return times;
}

function kindOf(name: string): LayerKind {
  const [attn, mlp, sparse] = name.split("/");
  return { attn: attn!, mlp: mlp as LayerKind["mlp"], sparse: sparse === "sparse" };
}

/** As far as a file of `families.py` is relied on; it is written as {@linkcode Measured} says. */
const measuredSchema = z.custom<Measured>(
  (value) => typeof value === "object" && value !== null && "config" in value,
  "must be a case that families.py has written",
);

if (import.meta.main) {
  await runScript(
    { usage: "judge.ts FOLDER [evidence.json]", words: [1, 2] },
    async (_, folder, out?: string) => {
      if (!existsSync(folder)) throw new UsageError(`Cannot read ${folder}: there is no such folder`);
      const evidence: Record<string, unknown> = {};
      for (const [name, { kinds, pattern }] of Object.entries(cases)) {
        const path = join(folder, `${name}.json`);
        if (!existsSync(path)) continue;
        const measured = await readJsonFile(path, measuredSchema);
        const judged = judge(measured);
        const covered = measured.covered ?? measured.walk;
        const coverage = covered === undefined
          ? []
          : coverageOf(covered, kinds.map(kindOf), pattern.map(kindOf));
        const errors = judged.map(({ error }) => Math.abs(error));
        evidence[name] = {
          device: measured.device?.device,
          engine: `vLLM ${measured.device?.engine_version}`,
          kinds,
          conditions: measured.booted?.conditions,
          caches: measured.booted?.caches,
          ...measured.error !== undefined && { error: measured.error },
          ...measured.check !== undefined && { check: measured.check },
          coverage: coverage.map(({ batch, uncovered, modules }) => ({
            batch,
            uncovered,
            modules: modules.slice(0, 3),
          })),
          ...errors.length > 0 && { medianError: median(errors), worstError: Math.max(...errors) },
          forwards: judged,
        };
        const share = (value: number): string => `${(100 * value).toFixed(2)}%`;
        Deno.stdout.writeSync(new TextEncoder().encode([
          `${name}: ${measured.error ?? "ok"} ${measured.check ?? ""}`,
          ...coverage.map(({ batch, uncovered, modules }) =>
            `  ${batch}: ${share(uncovered)} in no layer${modules[0] ? `, most in ${modules[0].module}` : ""}`
          ),
          ...judged.map(({ forward, forwardUs, comparedUs, rowsUs, error, faults }) =>
            `  ${forward}: forward ${forwardUs.toFixed(0)} µs, ${
              share(comparedUs / forwardUs)
            } of it compared, rows ${rowsUs.toFixed(0)} µs, ${share(error)} ${faults.join("; ")}`
          ),
          "",
        ].join("\n")));
      }
      if (out !== undefined) await Deno.writeTextFile(out, `${JSON.stringify(evidence, null, 1)}\n`);
    },
  );
}
