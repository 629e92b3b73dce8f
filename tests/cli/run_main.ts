/** Runs the command line in this process, for tests. */
import { main } from "../../src/cli/main.ts";

/** What a command did. */
export interface Outcome {
  /** Exit status. */
  readonly status: number;
  /** Standard output. */
  readonly out: string;
  /** Standard error. */
  readonly err: string;
}

/** Flags of a run that takes milliseconds. */
export const TINY = [
  ...["--model", "Qwen/Qwen3-0.6B", "--hardware", "H100", "--tp-degrees", "1,2"],
  ...["--max-num-batched-tokens", "32", "--max-num-seqs", "2", "--attention-max-kv", "32", "--skip-skew"],
] as const;

/**
 * Runs a command.
 *
 * @param args The words after `shotlab`.
 * @param env Environment variables.
 * @param signal Aborts the command.
 * @returns What it did.
 */
export async function runMain(
  args: readonly string[],
  env: Record<string, string> = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<Outcome> {
  let out = "";
  let err = "";
  const status = await main(args, {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    errStream: null,
    env,
    signal,
    ...env["COLUMNS"] !== undefined && { columns: Number(env["COLUMNS"]) },
  });
  return { status, out, err };
}
