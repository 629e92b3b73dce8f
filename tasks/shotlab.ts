/**
 * The command line as a task: a task starts in the project's folder, but paths are those of the folder where it was
 * called.
 *
 * @module
 */

const called = Deno.env.get("INIT_CWD");
if (called) Deno.chdir(called);
await import("../src/cli.ts");
