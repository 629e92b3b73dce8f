/** What `shotlab conformance` prints, for programs that end early. */
import assert from "node:assert/strict";
import { CHECKS } from "../../../src/conformance/conformance.ts";
import { runMain } from "../run_main.ts";

const ENDED = "the process ended";
const block = (mark: string, id: string, rule: string, detail?: string): string =>
  `${mark} ${id.padEnd(22)}The harness ${rule}\n${
    detail === undefined ? "" : `${" ".repeat(30)}${detail}\n`
  }`;

Deno.test("shotlab conformance: each rule, what was found in its place, and the counts", async () => {
  const harness = ["conformance", "--harness", "cmd:false"];
  assert.deepEqual(await runMain(harness), {
    status: 1,
    out: CHECKS.map(({ id, rule }) => block("FAILED ", id, rule, ENDED)).join("") +
      "\ncmd:false: 0 passed, 27 failed\n",
    err: "",
  });
  assert.ok(CHECKS.every(({ id }) => id.length < 22), "a space follows the longest name");
  const elsewhere = await runMain([...harness, "--transport", "env"]);
  const interrupt = CHECKS.find(({ id }) => id === "interrupt")!;
  const skipped = block("skipped", "interrupt", interrupt.rule, "a transport does not pass signals on");
  assert.ok(elsewhere.out.includes(`\n${skipped}`), elsewhere.out);
  assert.ok(elsewhere.out.endsWith("\n\ncmd:false: 0 passed, 26 failed, 1 skipped\n"), elsewhere.out);
});

Deno.test("shotlab conformance --json: the findings alone", async () => {
  const { status, out, err } = await runMain(["conformance", "--harness", "cmd:false", "--json"]);
  assert.deepEqual([status, err], [1, ""]);
  assert.deepEqual(
    JSON.parse(out),
    CHECKS.map(({ id, rule }) => ({ id, rule, status: "failed", detail: ENDED })),
  );
});

Deno.test("shotlab conformance: what is met counts, what the program logs is told where that is asked", async () => {
  const file = await Deno.makeTempFile({ suffix: ".sh" });
  try {
    const names = ["harness", "harness_version", "engine", "engine_version", "device", "driver", "runtime"];
    const hello = {
      ...{ type: "hello", protocol: 1, ...Object.fromEntries(names.map((name) => [name, "x"])) },
      ...{ quantities: ["wall"], lanes: 1 },
    };
    await Deno.writeTextFile(
      file,
      `echo at work >&2\nread line\necho '${JSON.stringify(hello)}'\n`,
    );
    const harness = ["conformance", "--harness", `cmd:sh ${file}`];
    const quiet = await runMain(harness);
    assert.deepEqual([quiet.status, quiet.err], [1, ""]);
    assert.ok(quiet.out.startsWith(block("ok     ", "hello", "answers hello with who it is")), quiet.out);
    assert.match(quiet.out, /: 3 passed, 24 failed\n$/);
    const loud = await runMain([...harness, "--verbose"]);
    assert.equal(loud.out, quiet.out);
    assert.match(loud.err, /^(at work\n)+$/);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("shotlab conformance: cancelled, it ends with 130", async () => {
  const { status, out } = await runMain(["conformance", "--harness", "cmd:false"], {}, AbortSignal.abort());
  assert.deepEqual([status, out], [130, ""]);
});
