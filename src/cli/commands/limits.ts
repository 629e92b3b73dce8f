/**
 * `shotlab limits`.
 *
 * @module
 */
import type { Command } from "commander";
import { writeAtomic } from "../../files/write.ts";
import { preflight } from "../../run/preflight.ts";
import { examples, jsonText, type Run, settingsOf, verboseFlag } from "../command.ts";
import { addFlags, type Flags } from "../flags.ts";
import type { Terminal } from "../terminal.ts";

/**
 * Declares the command.
 *
 * @param command What is declared.
 * @param run Runs its body.
 */
export function declare(command: Command, run: Run): void {
  command
    .description(
      "Writes the limits that an engine of one layer would have on a device, estimated from its data sheet: what " +
        "plan --limits reads. An engine says its own when it boots.",
    )
    .option("--out <file>", "The limits, JSON; printed without it");
  addFlags(command, ["What to measure", "Sweep", "Files"], [
    ...["perfDir", "variant", "parity", "grid"] as const,
    ...["attentionMaxKv", "attentionChunkFactor", "attentionKvFactor", "attentionNFactor"] as const,
    ...["decodeQLens", "epDegrees", "denseStep"] as const,
  ])
    .addOption(verboseFlag())
    .addHelpText(
      "after",
      examples("limits --hardware H100 --model meta-llama/Llama-3.1-8B --tp-degrees 1 --out limits.json"),
    )
    .action(({ out, ...flags }: Flags & { out?: string }) =>
      run((terminal) => writeLimits(settingsOf(flags, terminal), out, terminal))
    );
}

/** Writes or prints the limits of the smallest degree. */
async function writeLimits(
  settings: ReturnType<typeof settingsOf>,
  out: string | undefined,
  terminal: Pick<Terminal, "out" | "err">,
): Promise<number> {
  const { limits } = await preflight({ ...settings, harness: `roofline:${settings.hardware}` });
  const text = jsonText(limits);
  if (out === undefined) terminal.out(text);
  else {
    await writeAtomic(out, text);
    terminal.out(
      `The limits are in ${out}, estimated from the data sheet of ${settings.hardware}, for tp ${
        settings.tpDegrees[0]
      }\n`,
    );
  }
  return 0;
}
