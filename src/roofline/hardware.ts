/**
 * Hardware sheets: what a data sheet says about a device.
 *
 * @module
 */
import { z } from "zod";
import { readText } from "../files/read.ts";
import { parseYaml } from "../files/yaml.ts";
import { UsageError } from "../errors.ts";

/** A device, as its data sheet describes it. */
export interface HardwareSheet {
  /** Device name as its driver reports it. */
  readonly device: string;
  /** Memory in GiB. */
  readonly memory_gib: number;
  /** Memory bandwidth in 10⁹ bytes a second. */
  readonly bandwidth_gb_s: number;
  /** Multiprocessors (cores of a CPU). */
  readonly multiprocessors: number;
  /** Last cache before the memory, in MiB. */
  readonly l2_mib: number;
  /** What one kernel takes at least, in microseconds. */
  readonly launch_us: number;
  /** Bandwidth of one direction of the link between devices of a host, in 10⁹ bytes a second; absent where there is none. */
  readonly link_gb_s?: number | undefined;
  /** Dense GEMMs in 10¹² operations a second, by weight type. */
  readonly peak_tflops: Readonly<Record<string, number>>;
}

const positive = z.number().positive();
const sheetSchema = z.strictObject({
  device: z.string().min(1),
  memory_gib: positive,
  bandwidth_gb_s: positive,
  multiprocessors: z.number().int().positive(),
  l2_mib: positive,
  launch_us: positive,
  link_gb_s: positive.optional(),
  peak_tflops: z.record(z.string(), positive),
});

/**
 * Reads `<configDir>/hardware/<name>.yaml`.
 *
 * @param name The sheet's name.
 * @param configDir Folder of the configurations.
 * @returns The sheet.
 * @throws {UsageError} when there is no such sheet (lists those that are there) or a field breaks its rule.
 *
 * @example
 * ```ts
 * import { loadHardware } from "shotlab/harness";
 * import assert from "node:assert/strict";
 * assert.equal((await loadHardware("H100", "configs")).multiprocessors, 132);
 * ```
 */
export async function loadHardware(name: string, configDir: string): Promise<HardwareSheet> {
  const folder = `${configDir}/hardware`;
  const known = await sheetNames(folder);
  if (!known.includes(name)) {
    throw new UsageError(
      `Cannot estimate for the hardware '${name}': ${folder} has ${
        known.join(", ") || "no sheets"
      }; choose one or add ${name}.yaml`,
    );
  }
  const path = `${folder}/${name}.yaml`;
  const parsed = sheetSchema.safeParse(parseYaml(await readText(path), path));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new UsageError(
    `Cannot read ${path}: ${issue.path.join(".") || "the sheet"} is wrong (${issue.message})`,
  );
}

/**
 * The multiprocessors of a device.
 *
 * @param device Its name, as its driver reports it; what follows a sheet's name in it does not count.
 * @param configDir Folder of the configurations.
 * @returns Their number by the sheet with the longest name that fits, null when none does.
 */
export async function multiprocessorsOf(device: string, configDir: string): Promise<number | null> {
  return (await sheetOf(device, configDir))?.multiprocessors ?? null;
}

/**
 * The sheet of a device.
 *
 * @param device Its name, as its driver reports it; what follows a sheet's name in it does not count.
 * @param configDir Folder of the configurations.
 * @returns The sheet with the longest name that fits, null when none does.
 */
export async function sheetOf(device: string, configDir: string): Promise<HardwareSheet | null> {
  const names = await sheetNames(`${configDir}/hardware`);
  const sheets = await Promise.all(names.map((name) => loadHardware(name, configDir)));
  const fitting = sheets.filter((sheet) => device.startsWith(sheet.device));
  return fitting.sort((a, b) => b.device.length - a.device.length)[0] ?? null;
}

/**
 * The sheets of a folder.
 *
 * @param folder The folder, which need not exist.
 * @returns Their names, sorted.
 */
export async function sheetNames(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) {
      if (name.endsWith(".yaml")) names.push(name.slice(0, -".yaml".length));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names.sort();
}
