import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { CHECKS, conformance, type Finding } from "../../src/conformance/conformance.ts";
import { loadModel } from "../../src/model/load_model.ts";
import { runMain } from "../cli/run_main.ts";

const EXAMPLE = fileURLToPath(new URL("../../examples/harness.py", import.meta.url));

const example = await Deno.readTextFile(EXAMPLE);

/** Checks a harness with a model of which it knows all layers. */
async function findings(
  argv: readonly string[],
  options: { elsewhere?: boolean; model?: string; shotTimeoutS?: number } = {},
): Promise<Finding[]> {
  const model = await loadModel(options.model ?? "microsoft/Phi-mini-MoE-instruct");
  const limits = { bootTimeoutS: 20, shotTimeoutS: 20 };
  return await Array.fromAsync(conformance({ argv, ...limits, ...options, model }));
}

async function firstFailed(argv: readonly string[]): Promise<Finding | undefined> {
  const model = await loadModel("microsoft/Phi-mini-MoE-instruct");
  for await (const finding of conformance({ argv, bootTimeoutS: 20, shotTimeoutS: 20, model })) {
    if (finding.status === "failed") return finding;
  }
  return undefined;
}

const idsOf = (found: readonly Finding[], status: Finding["status"]): string[] =>
  found.filter((finding) => finding.status === status).map(({ id }) => id);

Deno.test("conformance: the example harness meets every rule that its model lets it show", async () => {
  const found = await findings(["python3", EXAMPLE]);
  assert.deepEqual(
    found.filter(({ status }) => status !== "passed").map(({ id, detail }) => [id, detail]),
    [["fire-linear_attention", "the model has no linear_attention layer"]],
  );
  assert.equal(found.length, 27);
});

Deno.test("conformance: what a model or a transport does not have is skipped", async () => {
  const found = await findings(["python3", EXAMPLE], { elsewhere: true, model: "Qwen/Qwen3-0.6B" });
  assert.deepEqual(idsOf(found, "failed"), []);
  assert.deepEqual(found.filter(({ status }) => status === "skipped").map(({ id, detail }) => [id, detail]), [
    ["fire-linear_attention", "the model has no linear_attention layer"],
    ["fire-moe", "the model has no moe layer"],
    ["interrupt", "a transport does not pass signals on"],
  ]);
});

/** Texts of the example that are replaced, and the first rule that it does not meet then. */
const FAULTS: Record<string, [text: string, fault: string, id: string, detail: string]> = {
  "prints beside the protocol": [
    "engine = boot(request)",
    `engine = print("ready") or boot(request)`,
    "boot",
    'a line breaks the protocol: expected one JSON object a line, got "ready"',
  ],
  "dies of SIGINT": ["signal.SIG_IGN", "signal.SIG_DFL", "interrupt", "the process ended"],
};

for (const [name, [text, fault, id, detail]] of Object.entries(FAULTS)) {
  Deno.test(`conformance: a harness that ${name} is told the rule that it does not meet`, async () => {
    assert.ok(example.includes(text), text);
    const first = await firstFailed(["python3", "-c", example.replace(text, fault)]);
    assert.deepEqual([first?.id, first?.detail], [id, detail]);
  });
}

/** Programs that say nothing at some point, and where they stop. */
const SILENT: Record<string, [argv: string[], id: string, passed: string[]]> = {
  "reads its input and never answers": [["python3"], "hello", []],
  "boots for ever": [
    ["python3", "-c", example.replace("engine = boot(request)", "import time; time.sleep(60)")],
    "boot",
    ["hello", "unknown-fields", "other-version", "fire-before-boot"],
  ],
};

for (const [name, [argv, id, passed]] of Object.entries(SILENT)) {
  Deno.test(`conformance: a harness that ${name} fails one check, and the rest is not tried`, async () => {
    const limits = { bootTimeoutS: 1, shotTimeoutS: 2 };
    const model = await loadModel("microsoft/Phi-mini-MoE-instruct");
    const found = await Array.fromAsync(conformance({ argv, ...limits, model }));
    assert.deepEqual(idsOf(found, "passed"), passed);
    const seconds = id === "boot" ? 1 : 2;
    assert.deepEqual(
      found.filter(({ status }) => status === "failed").map(({ id, detail }) => [id, detail]),
      [
        [id, `no answer came within ${seconds} s`],
      ],
    );
    const skipped = found.filter(({ status }) => status === "skipped");
    assert.equal(skipped.length, CHECKS.length - passed.length - 1);
    assert.deepEqual([...new Set(skipped.map(({ detail }) => detail))], [
      `not tried after the silence at ${id}`,
    ]);
  });
}

const NO_END: Record<string, [program: string, detail: RegExp]> = {
  "answers without an end": [
    `while True: print('{"type":"kernels","names":{}}', flush=True)`,
    /^the answers must come to an end, got 1000 and none that is the last$/,
  ],
  "writes a line without an end": [
    `print("x" * 2**21, flush=True); input()`,
    /^a line breaks the protocol: a line may have 1,048,576 characters, got more: "x+"$/,
  ],
};

for (const [name, [program, detail]] of Object.entries(NO_END)) {
  Deno.test(`conformance: a harness that ${name} is told so`, async () => {
    const first = await firstFailed(["python3", "-c", program]);
    assert.equal(first?.id, "hello");
    assert.match(first.detail!, detail);
  });
}

Deno.test("shotlab conformance prints what a harness meets, and exits with 1 when it does not meet all", async () => {
  const met = await runMain(["conformance", "--harness", `cmd:python3 "${EXAMPLE}"`]);
  assert.equal(met.err, "");
  assert.match(met.out, /^ok +hello +The harness answers hello with who it is\n/);
  assert.match(met.out, /: 26 passed, 0 failed, 1 skipped\n$/);
  assert.equal(met.status, 0);

  const mute = await runMain(["conformance", "--harness", "cmd:cat", "--shot-timeout-s", "1", "--json"]);
  assert.match(JSON.parse(mute.out)[0].detail, /^a line breaks the protocol: field harness/);
  assert.equal(mute.status, 1);
});

Deno.test("docs/harnesses.md lists every rule", async () => {
  const document = await Deno.readTextFile(new URL("../../docs/harnesses.md", import.meta.url));
  const rules = [...document.matchAll(/^\| (\S+) +\| (.*?) +\|$/gm)].map(([, id, rule]) => [id, rule]);
  assert.deepEqual(
    rules.filter(([id]) => !["rule", id!.startsWith("-") ? id : ""].includes(id!)),
    CHECKS.map(({ id, rule }) => [id, rule]),
  );
});

Deno.test("shotlab conformance refuses a harness that is no process", async () => {
  assert.deepEqual(await runMain(["conformance", "--harness", "roofline:H100"]), {
    status: 2,
    out: "",
    err:
      "error: The harness 'roofline:H100' has no command: it runs in this process; name vllm or cmd:<command>\n",
  });
});
