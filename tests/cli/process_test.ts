import assert from "node:assert/strict";
import { COMMANDS, measures } from "../../src/cli/main.ts";
import { runMain, TINY } from "./run_main.ts";
import { run } from "./run_process.ts";

Deno.test("shotlab: errors go to standard error and into the exit status", async () => {
  assert.deepEqual(await run(["src/cli.ts", "profile", "--model", "a/b", "--hardware", "../x"]), {
    code: 2,
    out: "",
    err: "error: Cannot use --hardware ../x: " +
      "expected one folder name of letters, digits, '.', '_', '+' and '-', such as H100\n",
  });
});

Deno.test("shotlab profile: a signal keeps what was measured, and the same command goes on", async () => {
  const perfDir = await Deno.makeTempDir();
  const flags = [...TINY, "--perf-dir", perfDir];
  await runMain(["profile", ...flags, "--harness", "roofline:H100"]);
  const replay = `replay:${perfDir}/H100/Qwen/Qwen3-0.6B/bf16`;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    const command = ["profile", ...flags, "--hardware", signal, "--harness"];
    const cut = await run(["src/cli.ts", ...command, `${replay}?delay_ms=50`], [["shots planned", signal]]);
    assert.equal(cut.code, 130, cut.err);
    assert.equal(cut.out, "");
    assert(cut.err.includes("\nStopping; what was measured is being saved. Once more to leave at once.\n"));
    assert(cut.err.endsWith("\nCancelled; the same command resumes from what was measured\n"), cut.err);
    const rest = await runMain([...command, replay]);
    assert.equal(rest.status, 0, rest.err);
  }
  await Deno.remove(perfDir, { recursive: true });
});

Deno.test("abortOnInterrupt: the second signal ends the process at once", async () => {
  const script = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(
    script,
    `import { abortOnInterrupt } from ${
      JSON.stringify(new URL("../../src/cli/interrupt.ts", import.meta.url))
    };
const signal = await abortOnInterrupt((text) => console.error(text));
signal.addEventListener("abort", () => console.error("aborted"));
setInterval(() => {}, 1000);
console.error("ready");
`,
  );
  const { code, err } = await run(["--config=deno.json", script], [["ready", "SIGINT"], [
    "aborted",
    "SIGTERM",
  ]]);
  assert.equal(code, 130);
  assert.equal(
    err,
    "ready\n\nStopping; what was measured is being saved. Once more to leave at once.\n\naborted\n",
  );
  await Deno.remove(script);
});

Deno.test("only commands that drive an engine save at a signal; any other is ended by it, also while it computes", () => {
  assert.deepEqual(
    COMMANDS.map(({ name }) => name).filter((name) => measures([name])),
    [
      "profile",
      "profile-all",
      "refresh",
      "fire",
      "steps",
      "serve-load",
      "collectives",
      "inspect",
      "conformance",
    ],
  );
  assert.equal(measures([]), false);
});

Deno.test("FORCE_COLOR and NO_COLOR are heard, also where there is no terminal", async () => {
  const errors = await Promise.all([{ FORCE_COLOR: "1" }, { NO_COLOR: "1" }, {}].map(async (env) => {
    const { stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "src/cli.ts", "validate", "no such folder"],
      env: { FORCE_COLOR: "", ...env },
    }).output();
    return new TextDecoder().decode(stderr).startsWith("\x1b[31merror:");
  }));
  assert.deepEqual(errors, [true, false, false]);
});

Deno.test("shotlab as a task: paths are those of the folder where it was called", async () => {
  const called = await Deno.realPath(await Deno.makeTempDir());
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "tasks/shotlab.ts", "profile", ...TINY, "--harness", "roofline:H100"],
    env: { INIT_CWD: called, SHOTLAB_PERF_DIR: "", PERF_DIR: "" },
  }).output();
  assert.deepEqual(
    [...Deno.readDirSync(called)].map(({ name }) => name),
    ["perf"],
    new TextDecoder().decode(stderr),
  );
  await Deno.remove(called, { recursive: true });
});

Deno.test("FORCE alone measures anew where nobody sits, and asks on a terminal", async () => {
  const perfDir = await Deno.makeTempDir();
  const command = ["profile", ...TINY, "--perf-dir", perfDir, "--harness", "roofline:H100"];
  assert.equal((await runMain(command)).status, 0);
  const again = await runMain(command, { FORCE: "1" });
  assert.equal(again.status, 0, again.err);
  assert.match(again.out, /; [1-9]\d* shots measured in /);
  await Deno.remove(perfDir, { recursive: true });
});

Deno.test("shotlab refresh takes the line of a profile as it is", async () => {
  const perfDir = await Deno.makeTempDir();
  const line = [...TINY, "--perf-dir", perfDir, "--harness", "roofline:H100", "--retry-failed"];
  assert.equal((await runMain(["profile", ...line])).status, 0);
  const { status, err, out } = await runMain(["refresh", ...line, "--tp", "1", "--category", "dense"]);
  assert.equal(status, 0, err);
  assert.match(out, /; [1-9]\d* shots measured in /);
  await Deno.remove(perfDir, { recursive: true });
});

Deno.test("a harness that never says hello: a line says that it is started, and the wait is a setting", async () => {
  const perfDir = await Deno.makeTempDir();
  const { status, err } = await runMain([
    ...["profile", ...TINY, "--perf-dir", perfDir, "--harness", "cmd:sleep 1000", "--hello-timeout-s", "0.2"],
  ]);
  assert.equal(status, 1);
  assert.deepEqual(err.trimEnd().split("\n"), [
    "starting the harness cmd:sleep 1000",
    "error: Harness 'sleep' gave no answer within 0.2 s while saying hello and was killed; raise helloTimeoutS (--hello-timeout-s) if " +
    "it needs longer",
  ]);
  await Deno.remove(perfDir, { recursive: true });
});
