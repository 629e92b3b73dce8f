/**
 * The processor that an engine computes on, where that is what it runs on: who it is and which types it computes with.
 *
 * @module
 */

/** A processor. */
export interface Processor {
  /** Its name, as the system reports it. */
  readonly name: string;
  /** Cores that the engine may use. */
  readonly cores: number;
  /** Instruction sets that the engine may use and that decide which kernels it takes, as Linux calls them. */
  readonly instruction_sets: readonly string[];
}

/** Instruction sets with which a type is multiplied as it is, on x86 and on ARM; float32 needs none. */
const NATIVE: Readonly<Record<string, Readonly<Record<"x86" | "arm", readonly string[]>>>> = {
  bfloat16: { x86: ["avx512_bf16", "amx_bf16"], arm: ["bf16"] },
  float16: { x86: ["avx512_fp16", "amx_fp16"], arm: ["asimdhp"] },
};

/**
 * How many times as long as in float32 a product in an emulated type takes at most: gate_up_proj of Qwen3-0.6B in
 * bfloat16 at 256 tokens, 108 ms where float32 takes 19, on two cores with AVX2.
 */
const EMULATED_RATIO = 6;

/**
 * A processor in words.
 *
 * @param processor The processor.
 * @returns Its name, cores and instruction sets.
 *
 * @example
 * ```ts
 * import { processorText } from "./processor.ts";
 * import assert from "node:assert/strict";
 * const zen3 = { name: "AMD EPYC 7R13", cores: 2, instruction_sets: ["avx2"] };
 * assert.equal(processorText(zen3), "AMD EPYC 7R13 (2 cores; avx2)");
 * ```
 */
export function processorText({ name, cores, instruction_sets: sets }: Processor): string {
  const facts = [`${cores} core${cores === 1 ? "" : "s"}`, ...sets.length > 0 ? [sets.join(" ")] : []];
  return `${name} (${facts.join("; ")})`;
}

/**
 * A fact about a harness in words.
 *
 * @param fact A text, or the processor.
 * @returns The text.
 */
export function factText(fact: string | Processor): string {
  return typeof fact === "string" ? fact : processorText(fact);
}

/**
 * What several processors are together.
 *
 * @param processors The processors, one or more.
 * @returns The names that differ joined by ` + `, and what each of them has: the fewest cores, the common sets.
 */
export function commonProcessor(processors: readonly [Processor, ...Processor[]]): Processor {
  return {
    name: [...new Set(processors.map(({ name }) => name))].join(" + "),
    cores: Math.min(...processors.map(({ cores }) => cores)),
    instruction_sets: processors[0].instruction_sets.filter((set) =>
      processors.every(({ instruction_sets: sets }) => sets.includes(set))
    ),
  };
}

/**
 * Whether a processor multiplies numbers of a type as they are, and not by way of another type.
 *
 * @param processor The processor.
 * @param dtype The type, such as `bfloat16`.
 * @returns Whether it does; null for a processor or a type of which nobody knows.
 *
 * @example
 * ```ts
 * import { computesNatively } from "./processor.ts";
 * import assert from "node:assert/strict";
 * const zen3 = { name: "AMD EPYC 7R13", cores: 2, instruction_sets: ["avx2"] };
 * assert.equal(computesNatively(zen3, "bfloat16"), false);
 * assert.equal(computesNatively(zen3, "float32"), true);
 * ```
 */
export function computesNatively(processor: Processor, dtype: string): boolean | null {
  if (dtype === "float32") return true;
  const needed = neededFor(processor, dtype);
  return needed === null ? null : needed.some((set) => processor.instruction_sets.includes(set));
}

/**
 * Says that a processor emulates a type, and what that costs.
 *
 * @param processor The processor, undefined where the engine computes on another device.
 * @param dtype The type.
 * @returns A sentence; none when the processor computes with the type as it is, or nobody knows.
 */
export function emulationNotices(processor: Processor | undefined, dtype: string): string[] {
  if (processor === undefined || computesNatively(processor, dtype) !== false) return [];
  const needed = neededFor(processor, dtype)!.join(", ");
  return [
    `${processor.name} emulates ${dtype} (it has none of ${needed}): products of many tokens take up to ` +
    `${EMULATED_RATIO} times as long as in float32 (seen on two AVX2 cores), which --dtype float32 measures`,
  ];
}

/** The instruction sets of which a type needs one; null for a type or a processor of which nobody knows. */
function neededFor({ instruction_sets: sets }: Processor, dtype: string): readonly string[] | null {
  const needed = NATIVE[dtype];
  if (needed === undefined || sets.length === 0) return null;
  return needed[sets.includes("asimd") ? "arm" : "x86"];
}
