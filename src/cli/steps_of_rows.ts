/**
 * Served steps that go with the rows of one command: beside them where a device can be spared, else after them.
 * Where there are cores to spare, the engine is imported meanwhile.
 *
 * @module
 */
import type { Child } from "../harness/child.ts";
import type { Loan } from "../run/profile_events.ts";
import { hasSpareCores } from "../run/spare_cores.ts";
import { readServedSteps } from "../serving/served_files.ts";
import type { Settings } from "../settings.ts";
import { LOAD_SECONDS, measureSteps, servedPath, stepsJob } from "./measure_steps.ts";
import { serveJob, startServing } from "./serve_flags.ts";
import type { Terminal } from "./terminal.ts";

/** Served steps at tp 1. */
export interface StepsOfRows extends AsyncDisposable {
  /** The devices that they are served on, one of several or all; absent where the bundle has the steps. */
  readonly loan?: Loan;
  /**
   * Waits for them, or serves them now; then writes them into the bundle and tells what they say.
   *
   * @returns The exit status.
   */
  finish(): Promise<number>;
}

/**
 * Prepares to serve steps at tp 1, unless the bundle has them. The last of several devices serves them while the others
 * measure the rows of the degrees that follow tp 1; without such a device they are served behind the last rows.
 *
 * @param settings The settings of the rows.
 * @param seconds How long the requests of each load arrive; true for as long as `steps` has it.
 * @param terminal Where it is told. What the engine logs beside the rows is told after them.
 * @param cores Cores of this host: with four or more the engine is imported while the last one before it boots.
 * @returns The steps; disposing ends what is served.
 * @throws {UsageError} when the model cannot be loaded or not be sharded.
 */
export async function stepsOf(
  settings: Settings,
  seconds: number | true,
  terminal: Terminal,
  cores = navigator.hardwareConcurrency,
): Promise<StepsOfRows> {
  const { maxNumBatchedTokens, maxNumSeqs, tpDegrees, force, harness, transport } = settings;
  const engine = { tp: 1, maxNumBatchedTokens, maxNumSeqs, gpuMemoryUtilization: 0.9 };
  const flags = { ...engine, seconds: seconds === true ? LOAD_SECONDS : seconds, loadSeed: 0 };
  const asked = await stepsJob(settings, flags, terminal);
  const isThere = !force && await readServedSteps(asked.dir, 1) !== null;
  const stop = new AbortController();
  const signal = AbortSignal.any([terminal.signal, stop.signal]);
  const held: string[] = [];
  let err = (text: string): void => void held.push(text);
  const told = { signal, err: (text: string): void => err(text) };
  let started: Promise<Child> | undefined;
  let serving: Promise<void> | undefined;
  const [first, ...more] = tpDegrees;
  const device = settings.devices.length > 1 && first === 1 && more.length > 0
    ? settings.devices.at(-1)
    : undefined;
  const devices = device === undefined ? settings.devices : [device];
  // A program of others may take a device before it has its job, and another host's cores are not known.
  const isSpared = harness === "vllm" && transport.length === 0 && hasSpareCores(cores);
  return {
    ...!isThere && {
      loan: {
        ...device !== undefined && { device },
        use: "serves steps of the whole engine",
        ...isSpared && {
          prepare(): void {
            started = startServing({ ...settings, devices }, told);
            started.catch(() => {}); // told by finish
          },
        },
        begin(): void {
          serving = serveJob(asked.job, servedPath(asked), { ...settings, devices }, told, started);
          serving.catch(() => {}); // told by finish
        },
      },
    },
    async finish(): Promise<number> {
      if (isThere) {
        terminal.out("The bundle has served steps at tp 1; the command steps measures them again\n");
        return 0;
      }
      if (serving === undefined) return await measureSteps(asked, settings, terminal);
      for (const text of held.splice(0)) terminal.err(text);
      err = terminal.err;
      await serving;
      return await measureSteps(asked, settings, terminal, servedPath(asked));
    },
    async [Symbol.asyncDispose](): Promise<void> {
      stop.abort();
      await (await started?.catch(() => undefined))?.stop(0);
      await serving?.catch(() => {});
    },
  };
}
