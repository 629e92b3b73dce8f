/**
 * Opens a harness by its name.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { hideSecrets } from "../hide_secrets.ts";
import { splitArgv } from "../settings/argv.ts";
import { flagOf } from "../settings/table.ts";
import type { Harness } from "./harness.ts";
import { type ProcessOptions, startProcessHarness } from "./process.ts";
import { replayHarness, type ReplayOptions } from "./replay.ts";
import { rayArgv } from "./ray.ts";
import { rooflineHarness } from "./estimate/roofline.ts";
import { vllmArgv } from "./vllm.ts";

/** How a harness is opened. */
export interface OpenHarnessOptions
  extends Pick<ProcessOptions, "helloTimeoutS" | "bootTimeoutS" | "shotTimeoutS" | "onLog" | "signal"> {
  /** Command that goes before the harness program and carries it elsewhere, such as `["ssh", "gpu1"]`. @default {[]} */
  readonly transport?: readonly string[];
  /** Numbers of the devices that a process may see, empty for all (sets CUDA_VISIBLE_DEVICES, but for Ray). @default {[]} */
  readonly devices?: readonly number[];
  /** Folder of `hardware/<name>.yaml`. @default {"the project's own"} */
  readonly configDir?: string;
  /** Seed of a replay's noise and failures. @default {0} */
  readonly seed?: number;
}

/** The command of a harness that is a process. */
export interface HarnessCommand {
  /** What messages call it. */
  readonly name: string;
  /** Program and arguments, transport and devices included. */
  readonly argv: readonly string[];
}

/** How a kind is written, and what opens it: the command of a process, or a function of this one. */
type Kind =
  & { readonly form: string }
  & (
    | {
      readonly command: (rest: string, options: OpenHarnessOptions) => Promise<HarnessCommand>;
      /** Whether it chooses the device itself. */
      readonly choosesDevice?: true;
    }
    | { readonly open: (rest: string, options: OpenHarnessOptions) => Promise<Harness> }
  );

const KINDS: Readonly<Record<string, Kind>> = {
  vllm: {
    form: "vllm",
    command: async (_, options) => ({ name: "vllm", argv: await vllmArgv(isElsewhere(options)) }),
  },
  ray: {
    form: "ray[:<address>]",
    command: async (address, options) => ({
      name: "ray",
      argv: await rayArgv(address, isElsewhere(options)),
    }),
    choosesDevice: true,
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
    command: (command) => {
      const argv = splitArgv(command);
      if (argv === null) {
        throw new UsageError(
          `Cannot read the harness command: a quote is not closed in ${hideSecrets(command)}`,
        );
      }
      return Promise.resolve({ name: argv[0] ?? "", argv });
    },
  },
};

/**
 * Opens a harness.
 *
 * @param spec `vllm`; `ray` or `ray:<address>`; `roofline:<hardware>`; `replay:<bundle>`, after it `?delay_ms=`, `noise=`, `fail=` joined by `&`;
 * or `cmd:<command>`, split into words as a shell does.
 * @param options Where it runs and how long it may take.
 * @returns The harness.
 * @throws {UsageError} when the name, the hardware, the bundle or the environment is not there.
 * @throws {HarnessError} when its process cannot be started.
 *
 * @example
 * ```ts
 * import { openHarness } from "shotlab";
 * import assert from "node:assert/strict";
 * await using harness = await openHarness("roofline:H100");
 * assert.deepEqual(harness.info.quantities, ["estimate"]);
 * ```
 */
export async function openHarness(spec: string, options: OpenHarnessOptions = {}): Promise<Harness> {
  const { kind, rest } = kindOf(spec);
  if ("command" in kind) {
    const { helloTimeoutS, bootTimeoutS, shotTimeoutS, onLog, signal } = options;
    const { name, argv } = await harnessCommand(spec, options);
    return await startProcessHarness(argv, {
      name,
      ...helloTimeoutS !== undefined && { helloTimeoutS },
      ...bootTimeoutS !== undefined && { bootTimeoutS },
      ...shotTimeoutS !== undefined && { shotTimeoutS },
      ...onLog && { onLog },
      ...signal && { signal },
    });
  }
  for (const setting of ["transport", "devices"] as const) {
    if (options[setting]?.length) {
      throw new UsageError(
        `Cannot open the harness '${spec}' with ${setting} (${
          flagOf(setting)
        }): it runs in this process; leave it out`,
      );
    }
  }
  return await kind.open(rest, options);
}

/**
 * The command that starts a harness: transport, devices and program.
 *
 * @param spec The harness, as {@linkcode openHarness} takes it.
 * @param options Where it runs.
 * @returns Its name and command.
 * @throws {UsageError} when the name or the environment is not there, or the harness runs in this process.
 *
 * @example
 * ```ts
 * import { harnessCommand } from "shotlab/harness";
 * import assert from "node:assert/strict";
 * const { argv } = await harnessCommand("cmd:python3 worker.py", { transport: ["ssh", "gpu1"], devices: [2] });
 * assert.deepEqual(argv, ["ssh", "gpu1", "env", "CUDA_VISIBLE_DEVICES=2", "python3", "worker.py"]);
 * ```
 */
export async function harnessCommand(
  spec: string,
  options: Pick<OpenHarnessOptions, "transport" | "devices"> = {},
): Promise<HarnessCommand> {
  const { kind, rest } = kindOf(spec);
  if (!("command" in kind)) {
    throw new UsageError(
      `The harness '${spec}' has no command: it runs in this process; name vllm or cmd:<command>`,
    );
  }
  const { transport = [], devices = [] } = options;
  const visible = devices.length > 0 && !kind.choosesDevice
    ? ["env", `CUDA_VISIBLE_DEVICES=${devices.join()}`]
    : [];
  const { name, argv } = await kind.command(rest, options);
  return { name, argv: [...transport, ...visible, ...argv] };
}

function kindOf(spec: string): { kind: Kind; rest: string } {
  const [word, rest] = splitAt(spec, spec.indexOf(":"));
  const kind = Object.hasOwn(KINDS, word) ? KINDS[word] : undefined;
  if (kind === undefined || !fits(kind, rest)) {
    const forms = Object.values(KINDS).map(({ form }) => form);
    throw new UsageError(
      `Cannot open the harness '${hideSecrets(spec)}': expected ${forms.slice(0, -1).join(", ")} or ${
        forms.at(-1)
      }`,
    );
  }
  return { kind, rest };
}

function fits({ form }: Kind, rest: string): boolean {
  return form.includes("[:") || form.includes(":") === (rest !== "");
}

const isElsewhere = ({ transport = [] }: OpenHarnessOptions): boolean => transport.length > 0;

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
