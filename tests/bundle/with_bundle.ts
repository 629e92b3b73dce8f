import { dirname, join } from "node:path";

/** Files of a bundle by their path in it; null is an empty folder. */
export type Files = Readonly<Record<string, string | Uint8Array | null>>;

/** Runs with a temporary folder that holds the files. */
export async function withBundle(files: Files, run: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    for (const [path, content] of Object.entries(files)) {
      const target = join(dir, path);
      await Deno.mkdir(content === null ? target : dirname(target), { recursive: true });
      if (typeof content === "string") await Deno.writeTextFile(target, content);
      else if (content !== null) await Deno.writeFile(target, content);
    }
    await run(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
