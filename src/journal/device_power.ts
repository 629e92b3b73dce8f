/**
 * The power of a device, as its journal has it.
 *
 * @module
 */
import type { Meta } from "../bundle/meta.ts";
import { JOURNAL_FILE, readJournal } from "./file.ts";

/** Power of a device in watts. */
export interface DevicePower {
  /** The lowest reading between shots: the device at rest with an engine on it, its clock up. */
  readonly idleW: number;
  /** Mean over the layers that were repeated without a pause, by their time. */
  readonly busyW: number;
  /** Readings behind the first. */
  readonly readings: number;
}

/**
 * Reads the power of a bundle's device: NVML's readings between shots, and what layers took under a lasting load.
 *
 * @param dir The bundle's folder.
 * @param meta Its meta.yaml.
 * @returns The power, null where the journal has no readings, or nothing was repeated under a lasting load.
 * @throws {UsageError} when the journal cannot be read.
 */
export async function readDevicePower(
  dir: string,
  meta: Pick<Meta, "sustained">,
): Promise<DevicePower | null> {
  let [idleW, readings] = [Infinity, 0];
  await readJournal(`${dir}/${JOURNAL_FILE}`, (line) => {
    if (line.type !== "state" || line.power_w === null) return;
    idleW = Math.min(idleW, line.power_w);
    readings++;
  });
  const busyW = busyPower(meta);
  if (readings === 0 || busyW === null) return null;
  return { idleW: Number(idleW.toFixed(1)), busyW: Number(busyW.toFixed(1)), readings };
}

/** Layers of the largest batches alone: smaller ones leave the device idle in between. */
function busyPower({ sustained = [] }: Pick<Meta, "sustained">): number | null {
  const told = sustained.flatMap(({ category, key, time_us, power_w }) =>
    time_us === null || power_w === null ? [] : [{ category, key, time_us, power_w }]
  );
  const most = Math.max(...told.filter(({ category }) => category === "dense").map(({ key }) => key[0] ?? 0));
  const largest = told.filter(({ category, key }) => category === "dense" && key[0] === most);
  const timeUs = largest.reduce((sum, { time_us }) => sum + time_us, 0);
  if (timeUs === 0) return null;
  return largest.reduce((sum, { time_us, power_w }) => sum + power_w * time_us, 0) / timeUs;
}
