/**
 * Runs another task of this folder as if it had been called without `deno task`: `start.ts TASK.ts ARGUMENTS...`
 *
 * It starts in the folder where it was called, so that paths are those of that folder; Deno runs every task in the
 * project's. And packages come from the registry that npm is told of in `npm_config_registry`: Deno itself reads that
 * variable in capital letters alone, and when it starts.
 *
 * @module
 */

const [task, ...args] = Deno.args;
const registry = Deno.env.get("npm_config_registry");
// An interrupt goes to the task as well, which decides what it means.
Deno.addSignalListener("SIGINT", () => {});
const child = new Deno.Command(Deno.execPath(), {
  args: ["run", "-A", `${import.meta.dirname}/${task}`, ...args],
  cwd: Deno.env.get("INIT_CWD") || Deno.cwd(),
  env: registry && !Deno.env.get("NPM_CONFIG_REGISTRY") ? { NPM_CONFIG_REGISTRY: registry } : {},
}).spawn();
Deno.addSignalListener("SIGTERM", () => child.kill("SIGTERM"));
Deno.exit((await child.status).code);
