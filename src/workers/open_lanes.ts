/**
 * The lanes that the settings ask for.
 *
 * @module
 */
import type { Harness } from "../harness/harness.ts";
import { openHarness } from "../harness/open.ts";
import type { Settings } from "../settings.ts";
import { type Lane, openLane } from "./lane.ts";
import { openPool, type PoolMember } from "./pool.ts";

/** Options of {@linkcode openLanes}. */
export interface OpenLanesOptions {
  /** Ends the opening of harnesses. */
  readonly signal?: AbortSignal;
  /** A harness in place of the one that the settings name; it is left open, and not replaced when it breaks. */
  readonly harness?: Harness;
  /** Opens harnesses that see some devices, all of them when none is named, in place of those that the settings name. */
  readonly open?: (devices: readonly number[]) => Promise<Harness>;
  /** Receives the lines that harnesses log; of a pool they begin with the device. */
  readonly onLog?: (line: string) => void;
}

/**
 * Opens one lane, or a pool with a lane for each device when the settings name several.
 *
 * @param settings The settings: harness, transport, devices, time limits.
 * @param options What takes the place of the settings' harness.
 * @returns The lane or the pool.
 * @throws {HarnessError} when a harness cannot be opened.
 * @throws {UsageError} when the harness is not there, or devices differ that may not.
 */
export async function openLanes(settings: Settings, options: OpenLanesOptions = {}): Promise<Lane> {
  const { harness, open = (devices) => openOnDevices(settings, devices, options) } = options;
  const { devices, allowMixed } = settings;
  if (harness !== undefined) return await openLane({ harness });
  const [first, ...others] = devices.map((device): PoolMember => ({
    name: laneName(device),
    open: () => open([device]),
  }));
  if (first === undefined || others.length === 0) return await openLane({ open: () => open(devices) });
  return await openPool([first, ...others], { allowMixed });
}

/**
 * What messages call the lane of a device.
 *
 * @param device Its number.
 * @returns The name.
 */
export function laneName(device: number): string {
  return `device ${device}`;
}

/** How a harness is opened on some of the settings' devices. */
export type OpenOnDevicesOptions = Pick<OpenLanesOptions, "signal" | "onLog">;

/**
 * Opens the harness that the settings name.
 *
 * @param settings The settings: harness, transport, devices, time limits.
 * @param devices Numbers of the devices that it sees, all of them when none is named.
 * @param options How it is cancelled, and where its log goes; of one of several devices lines begin with it.
 * @returns The harness.
 * @throws {HarnessError} when it cannot be opened.
 * @throws {UsageError} when there is no such harness.
 */
export async function openOnDevices(
  settings: Settings,
  devices: readonly number[],
  { signal, onLog }: OpenOnDevicesOptions,
): Promise<Harness> {
  const prefix = settings.devices.length > 1 ? `device ${devices}: ` : "";
  return await openHarness(settings.harness, {
    ...settings,
    devices,
    ...signal && { signal },
    ...onLog && { onLog: (line: string): void => onLog(prefix + line) },
  });
}
