/**
 * `shotlab pack`.
 *
 * @module
 */
import { dirname } from "node:path";
import { refuseLinks } from "../files/links.ts";
import { UsageError } from "../errors.ts";
import { JOURNAL_FILE } from "../journal/file.ts";
import { lockBundle } from "../files/lock.ts";
import { packJournal } from "../journal/packed.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Packs a bundle's journal and says what it came to.
 *
 * @param dir The bundle's folder.
 * @param terminal Where it is printed.
 * @returns The exit status, 0.
 * @throws {UsageError} when there is no journal, a part of the bundle is a link, or somebody is writing it.
 */
export async function packCommand(dir: string, terminal: Pick<Terminal, "out">): Promise<number> {
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
