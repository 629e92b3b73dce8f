/**
 * Opens a harness by its name.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { splitArgv } from "../settings/argv.ts";
import type { Harness } from "./harness.ts";
import { type ProcessOptions, startProcessHarness } from "./process.ts";
import { replayHarness, type ReplayOptions } from "./replay.ts";
import { rooflineHarness } from "./roofline.ts";
import { vllmArgv } from "./vllm.ts";

/** How a harness is opened. */
export interface OpenHarnessOptions
  extends Pick<ProcessOptions, "bootTimeoutS" | "shotTimeoutS" | "onLog" | "signal"> {
  /** Command that goes before the harness program and carries it elsewhere, such as `["ssh", "gpu1"]`. @default {[]} */
  readonly transport?: readonly string[];
  /** Numbers of the devices that a process may see, empty for all (sets CUDA_VISIBLE_DEVICES). @default {[]} */
  readonly devices?: readonly number[];
  /** Folder of `hardware/<name>.yaml`. @default {"the project's own"} */
  readonly configDir?: string;
  /** Seed of a replay's noise and failures. @default {0} */
  readonly seed?: number;
}

type Opener = (rest: string, options: OpenHarnessOptions) => Promise<Harness>;

/** How each kind is written, and what opens it. */
const KINDS: Readonly<Record<string, { form: string; open: Opener }>> = {
  vllm: {
    form: "vllm",
    open: async (_, options) => start(await vllmArgv(isElsewhere(options)), "vllm", options),
  },
  roofline: {
    form: "roofline:<hardware>",
    open: (hardware, options) => rooflineHarness(hardware, options),
  },
  replay: {
    form: "replay:<bundle>",
    open: (rest, { seed = 0 }) => {
      const [dir, query] = splitAtLast(rest, "?");
      return replayHarness(dir, { ...replayOptions(query), seed });
    },
  },
  cmd: {
    form: "cmd:<command>",
    open: (command, options) => {
      const argv = splitArgv(command);
      if (argv === null) {
        throw new UsageError(`Cannot read the harness command: a quote is not closed in ${command}`);
      }
      return start(argv, argv[0] ?? "", options);
    },
  },
};

/**
 * Opens a harness.
 *
 * @param spec `vllm`; `roofline:<hardware>`; `replay:<bundle>`, after it `?delay_ms=`, `noise=`, `fail=` joined by `&`;
 * or `cmd:<command>`, split into words as a shell does.
 * @param options Where it runs and how long it may take.
 * @returns The harness.
 * @throws {UsageError} when the name, the hardware, the bundle or the environment is not there.
 * @throws {HarnessError} when its process cannot be started.
 *
 * @example
 * ```ts
 * import { openHarness } from "./open.ts";
 * import assert from "node:assert/strict";
 * await using harness = await openHarness("roofline:H100");
 * assert.deepEqual(harness.info.quantities, ["estimate"]);
 * ```
 */
export async function openHarness(spec: string, options: OpenHarnessOptions = {}): Promise<Harness> {
  const [kind, rest] = splitAt(spec, spec.indexOf(":"));
  const known = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
  if (known === undefined || known.form.includes(":") !== (rest !== "")) {
    const forms = Object.values(KINDS).map(({ form }) => form);
    throw new UsageError(
      `Cannot open the harness '${spec}': expected ${forms.slice(0, -1).join(", ")} or ${forms.at(-1)}`,
    );
  }
  if (["roofline", "replay"].includes(kind)) {
    for (const setting of ["transport", "devices"] as const) {
      if (options[setting]?.length) {
        throw new UsageError(
          `Cannot open the harness '${spec}' with ${setting}: it runs in this process; leave ${setting} out`,
        );
      }
    }
  }
  return await known.open(rest, options);
}

const isElsewhere = ({ transport = [] }: OpenHarnessOptions): boolean => transport.length > 0;

function start(argv: readonly string[], name: string, options: OpenHarnessOptions): Promise<Harness> {
  const { transport = [], devices = [], bootTimeoutS, shotTimeoutS, onLog, signal } = options;
  const visible = devices.length > 0 ? ["env", `CUDA_VISIBLE_DEVICES=${devices.join()}`] : [];
  return startProcessHarness([...transport, ...visible, ...argv], {
    name,
    ...bootTimeoutS !== undefined && { bootTimeoutS },
    ...shotTimeoutS !== undefined && { shotTimeoutS },
    ...onLog && { onLog },
    ...signal && { signal },
  });
}

function replayOptions(query: string): ReplayOptions {
  const parameters = new URLSearchParams(query);
  const number = (name: string): number | undefined => {
    const text = parameters.get(name);
    if (text === null) return undefined;
    if (text.trim() === "" || Number.isNaN(Number(text))) {
      throw new UsageError(`Cannot open the replay: ${name} must be a number, got '${text}'`);
    }
    return Number(text);
  };
  const unknown = [...parameters.keys()].find((name) => !["delay_ms", "noise", "fail"].includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`Cannot open the replay: expected delay_ms, noise or fail, got '${unknown}'`);
  }
  const delayMs = number("delay_ms");
  const noise = number("noise");
  const named = parameters.getAll("fail").filter((shot) => shot.includes(":"));
  const fail = named.length > 0 ? named : number("fail");
  return {
    ...delayMs !== undefined && { delayMs },
    ...noise !== undefined && { noise },
    ...fail !== undefined && { fail },
  };
}

function splitAt(text: string, at: number): [before: string, after: string] {
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function splitAtLast(text: string, separator: string): [before: string, after: string] {
  return splitAt(text, text.lastIndexOf(separator));
}
