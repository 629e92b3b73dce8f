import assert from "node:assert/strict";

/** Runs a program as a task: it prints the registry that Deno asks, its folder and its arguments. */
async function start(env: Record<string, string>): Promise<{ code: number; said: string }> {
  const path = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(
      path,
      `console.log(Deno.env.get("NPM_CONFIG_REGISTRY"), Deno.cwd(), Deno.args.join("|")); Deno.exit(3);`,
    );
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "tasks/start.ts", `../${"../".repeat(20)}${path}`, "--a", "b c"],
      env: { NPM_CONFIG_REGISTRY: "", npm_config_registry: "", INIT_CWD: "", ...env },
    });
    const { code, stdout } = await command.output();
    return { code, said: new TextDecoder().decode(stdout).trim() };
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("a task has npm's registry under the name that Deno reads, its arguments and its exit status", async () => {
  const small = { npm_config_registry: "https://small.example/" };
  const large = { NPM_CONFIG_REGISTRY: "https://large.example/" };
  for (
    const [env, registry] of [[small, "https://small.example/"], [large, "https://large.example/"], [
      { ...small, ...large },
      "https://large.example/",
    ]] as const
  ) {
    assert.deepEqual(await start(env), { code: 3, said: `${registry} ${Deno.cwd()} --a|b c` });
  }
});

Deno.test("a task starts in the folder where it was called", async () => {
  const called = await Deno.realPath(await Deno.makeTempDir());
  assert.deepEqual(await start({ INIT_CWD: called }), { code: 3, said: `${called} --a|b c` });
  await Deno.remove(called);
});

Deno.test("every task that takes a path is started so", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile("deno.json"));
  const others = Object.keys(tasks).filter((name) =>
    !tasks[name].command.startsWith("deno run -A tasks/start.ts ")
  );
  // Those of tests, checks and pages of the project itself, and the command line, which changes the folder itself.
  assert.deepEqual(others, [
    "shotlab",
    "test:browser",
    "check",
    "structure",
    "bench",
    "benchmarks",
    "mutate",
  ]);
});
