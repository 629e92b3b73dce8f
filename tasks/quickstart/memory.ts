/**
 * How much memory the quickstart needs, told before anything is downloaded.
 *
 * @module
 */
import { UsageError } from "../../src/errors.ts";

/** Memory that a machine sold with 8 GiB has at least: firmware and kernel keep a part of it. */
const LEAST_GIB = 7;

/** Where the size of the memory is read. */
export interface MemoryReader {
  /** Bytes of the machine's memory. */
  readonly total: () => number;
  /** A file's text, null when it is not there. */
  readonly text: (path: string) => string | null;
}

const THIS_MACHINE: MemoryReader = {
  total: () => Deno.systemMemoryInfo().total,
  text(path): string | null {
    try {
      return Deno.readTextFileSync(path);
    } catch {
      return null;
    }
  },
};

/** The files with the limits of this process's control groups, those of containers and batch jobs. */
function limitFiles(groups: string): string[] {
  return groups.split("\n").flatMap((line) => {
    const [, controllers, path = "/"] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    const [root, file] = controllers === ""
      ? ["/sys/fs/cgroup", "memory.max"]
      : controllers?.split(",").includes("memory")
      ? ["/sys/fs/cgroup/memory", "memory.limit_in_bytes"]
      : [];
    if (root === undefined) return [];
    const parts = path.split("/").filter((part) => part !== "");
    return [...parts.keys(), parts.length].map((end) => [root, ...parts.slice(0, end), file].join("/"));
  });
}

/**
 * Refuses machines, containers and jobs whose memory is too small for the quickstart.
 *
 * @param reader Where the size of the memory is read.
 * @throws {UsageError} when it is too small.
 */
export function refuseLittleMemory(reader: MemoryReader = THIS_MACHINE): void {
  const limits = limitFiles(reader.text("/proc/self/cgroup") ?? "")
    .map((path) => Number.parseInt(reader.text(path) ?? "", 10));
  const bytes = Math.min(reader.total(), ...limits.filter((limit) => limit > 0));
  if (bytes >= LEAST_GIB * 2 ** 30) return;
  throw new UsageError(
    `Cannot run vLLM here: it needs a machine, container or job with 8 GiB of memory, this one has ` +
      `${(bytes / 2 ** 30).toFixed(1)} GiB; use a larger one, or estimate: ` +
      `deno task quickstart --harness roofline:H100`,
  );
}
