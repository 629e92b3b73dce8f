/**
 * `shotlab pack`.
 *
 * @module
 */
import { Argument, type Command } from "commander";
import { dirname } from "node:path";
import { UsageError } from "../../errors.ts";
import { refuseLinks } from "../../files/links.ts";
import { lockBundle } from "../../files/lock.ts";
import { JOURNAL_FILE } from "../../journal/file.ts";
import { packJournal } from "../../journal/packed.ts";
import { examples, type Run, verboseFlag } from "../command.ts";
import type { Terminal } from "../terminal.ts";

/**
 * Declares the command.
 *
 * @param command What is declared.
 * @param run Runs its body.
 */
export function declare(command: Command, run: Run): void {
  command
    .description("Makes journal.jsonl.gz of journal.jsonl; a run that adds to the bundle unpacks it again.")
    .addArgument(new Argument("<bundle>", "The bundle's folder"))
    .addOption(verboseFlag())
    .addHelpText("after", examples("pack perf/H100/meta-llama/Llama-3.1-8B/bf16"))
    .action((dir: string) => run((terminal) => pack(dir, terminal)));
}

/** Packs a bundle's journal and says what it came to. */
async function pack(dir: string, terminal: Pick<Terminal, "out">): Promise<number> {
  if (!await Deno.stat(dir).then(({ isDirectory }) => isDirectory, () => false)) {
    throw new UsageError(`Cannot pack ${dir}: there is no such folder`);
  }
  await refuseLinks(dirname(dir), dir);
  using _lock = await lockBundle(dir);
  const packed = await packJournal(`${dir}/${JOURNAL_FILE}`);
  terminal.out(
    packed === null
      ? `${dir}: the journal is packed already\n`
      : `${dir}: the journal has ${packed.packedBytes} bytes now, unpacked ${packed.plainBytes}\n`,
  );
  return 0;
}
