/** Runs scripts of this project in a process of their own, for tests. */
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Starts Deno, sends signals when standard error has said something, and waits for the end. */
export async function run(
  args: readonly string[],
  signals: readonly (readonly [after: string, signal: Deno.Signal])[] = [],
): Promise<{ code: number; out: string; err: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const out = new Response(child.stdout).text();
  const waiting = [...signals];
  let err = "";
  for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
    err += text;
    while (waiting[0] !== undefined && err.includes(waiting[0][0])) child.kill(waiting.shift()![1]);
  }
  return { code: (await child.status).code, out: await out, err };
}
