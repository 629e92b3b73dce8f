/** Which tests of the worker are quick: those that boot no engine and start no process. */
import assert from "node:assert/strict";
import { sightOfPython } from "../../../tasks/mutate/sight.ts";

const TESTS: Readonly<Record<string, string>> = {
  plain: "from timing.clock import Clock\n",
  faked: 'import loop\nfrom timing.clock import Clock\nmonkeypatch.setattr(loop, "boot_engine", fake)\n',
  asks: "from timing.clock import Clock\nboot_engine(request())\n",
  boots: "from timing.clock import Clock\nbooted = boot_engine(parse_boot(fields))\n",
  serves: "from timing.clock import Clock\ndef test_it(worker: Client) -> None: ...\n",
  starts: "import subprocess\nfrom timing.clock import Clock\n",
  asksVllm: "from timing.clock import Clock\ndef test_it():\n    from vllm import LLM\n",
};

Deno.test("tests of the worker that boot an engine or start a process are far", async () => {
  const root = `${await Deno.makeTempDir()}/`;
  try {
    const files = {
      "harness/vllm/timing/clock.py": "class Clock: ...\n",
      ...Object.fromEntries(
        Object.entries(TESTS).map(([name, text]) => [`tests/harness/vllm/${name}_test.py`, text]),
      ),
    };
    for (const [path, text] of Object.entries(files)) {
      await Deno.mkdir(`${root}${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
      await Deno.writeTextFile(`${root}${path}`, text);
    }
    const { near, far } = (await sightOfPython(root)).get("harness/vllm/timing/clock.py")!;
    const names = (paths: readonly string[]): string[] =>
      paths.map((path) => /(\w+)_test\.py$/.exec(path)![1]!).sort();
    assert.deepEqual(names(near), ["asks", "faked", "plain"]);
    assert.deepEqual(names(far), ["asksVllm", "boots", "serves", "starts"]);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("of the tests that are here, those with an engine are near no file", async () => {
  const sights = [...await sightOfPython("./")];
  assert.ok(sights.length > 40);
  const near = new Set(sights.flatMap(([, sight]) => sight.near));
  const booting = ["direct_inputs", "kinds", "forward", "engine", "lean", "worker", "served"];
  assert.deepEqual(booting.filter((name) => near.has(`tests/harness/vllm/${name}_test.py`)), []);
  assert.ok(near.has("tests/harness/vllm/loop_test.py") && near.has("tests/harness/vllm/boot_test.py"));
});
