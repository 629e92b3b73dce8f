import assert from "node:assert/strict";
import { readModules } from "../../tasks/structure.ts";

const H100 = "perf/H100/meta-llama/Llama-3.1-8B/bf16";
const depthHead = { type: "depth", kind: "depth", model: "made/up", tp: 1, device: "NVIDIA H100 80GB HBM3" };
const truthHead = {
  ...{ type: "truth", model: "made/up", device: "GPU", driver: "1", engine: "vllm 1", quantity: "kernel" },
  ...{ seed: 0, layers: [2, 4] },
};

/** Two shots of a model, with a reading of the device's state before each of them and behind. */
const RESULTS = await Deno.readTextFile("tests/data/results-v1.jsonl");
const [RESULTS_HEADER = "", HELLO = ""] = RESULTS.split("\n");
function firedTwice(model: string, device = "NVIDIA H100 80GB HBM3"): string {
  const state = {
    type: "state",
    sm_clock_mhz: null,
    memory_clock_mhz: null,
    temperature_c: null,
    power_w: null,
  };
  const lines = [100, 101, 103].flatMap((at_s, i): object[] => [
    { ...state, throttle: [], at_s },
    ...i < 2
      ? [{ type: "result", shot: { category: "dense", tp: 1, tokens: 16 + i }, samples: { embedding: [3] } }]
      : [],
  ]);
  return [
    RESULTS_HEADER.replace("Qwen/Qwen3-0.6B", model),
    HELLO.replace("NVIDIA H100 80GB HBM3", device),
    ...lines.map((line) => JSON.stringify(line)),
  ].join("\n") + "\n";
}
const served = await new Response(
  (await Deno.open("perf/evidence/serving/served-qwen3-0.6b-h200.jsonl.gz")).readable
    .pipeThrough(new DecompressionStream("gzip")),
).text();
const [SERVED_HEAD = ""] = served.split("\n");

/** Files that the calls below name, by their names in the folder where they are called. */
const FILES: Readonly<Record<string, string>> = {
  "text.jsonl": "no JSON\n",
  "results.jsonl": RESULTS,
  "qwen.jsonl": firedTwice("Qwen/Qwen3-0.6B"),
  "other-model.jsonl": firedTwice("Qwen/Qwen3-1.7B"),
  "slow-device.jsonl": firedTwice("Qwen/Qwen3-0.6B", "NVIDIA H200"),
  "llama-elsewhere.jsonl": firedTwice("meta-llama/Llama-3.1-8B", "NVIDIA H200"),
  "no-reading.jsonl": RESULTS,
  "served.jsonl": `${SERVED_HEAD}\n`,
  "empty.jsonl": "",
  "truth.jsonl": JSON.stringify(truthHead) + "\n",
  "other-device.jsonl": JSON.stringify({ ...truthHead, model: "meta-llama/Llama-3.1-8B" }) + "\n",
  "depth.jsonl": JSON.stringify(depthHead) + "\n",
  "lookups.json": JSON.stringify({
    header: { setting: "H100/Qwen/Qwen3-32B/bf16 tp1" },
    batches: { rows: [] },
  }),
};

/** A call of a script, what it says after `error: `, as far as that is not the machine's. */
const WRONG: readonly (readonly [script: string, args: readonly string[], said: string | RegExp])[] = [
  ["tasks/check_lookups.ts", [], "Usage: check_lookups.ts BUNDLE VECTORS [FIT]"],
  [
    "tasks/check_lookups.ts",
    ["no", "lookups.json"],
    "Cannot read no: it does not exist",
  ],
  ["tasks/check_lookups.ts", ["H100", "text.jsonl"], "Cannot read text.jsonl: it must be JSON, got no JSON"],
  [
    "tasks/check_lookups.ts",
    ["H100", "lookups.json"],
    "Cannot compare lookups.json with H100: the lookups are of H100/Qwen/Qwen3-32B/bf16 tp1, the bundle of " +
    "H100/meta-llama/Llama-3.1-8B tp 1, 2, 4",
  ],
  ["tasks/fit_error.ts", ["no"], "Cannot read no: it does not exist"],
  ["tasks/roofline_error.ts", ["no"], "Cannot read no: it does not exist"],
  ["tasks/mutate.ts", ["--room", "cellar"], /^There is no room cellar; known are python, errors, /],
  ["tasks/notebook_save.ts", ["99"], "Cannot save 99: it is no notebook, and no name in notebooks begins so"],
  ["tests/bench/adaptive_bench.ts", ["no"], "Cannot read no: it does not exist"],
  ["tests/bench/depth/compare.ts", ["no", "H100"], /^Cannot read no: No such file/],
  [
    "tests/bench/depth/compare.ts",
    ["text.jsonl", "H100"],
    "Cannot read text.jsonl, line 1: it must be JSON, got no JSON",
  ],
  [
    "tests/bench/depth/compare.ts",
    ["depth.jsonl", "H100"],
    "Cannot compare depth.jsonl with H100: the file is of made/up, the bundle of meta-llama/Llama-3.1-8B; both must " +
    "be of the same model",
  ],
  ["tests/bench/device/pool.ts", ["no", "no"], /^Cannot read no: No such file/],
  ["tests/bench/device/pool.ts", ["text.jsonl", "text.jsonl"], /^Cannot read text.jsonl/],
  [
    "tests/bench/device/pool.ts",
    ["qwen.jsonl", "no-reading.jsonl"],
    "Cannot time no-reading.jsonl: it must have two readings of a device's state and shots between them",
  ],
  [
    "tests/bench/device/pool.ts",
    ["qwen.jsonl", "other-model.jsonl"],
    "Cannot compare qwen.jsonl with other-model.jsonl: their model must be the same, got Qwen/Qwen3-0.6B and " +
    "Qwen/Qwen3-1.7B",
  ],
  [
    "tests/bench/device/pool.ts",
    ["qwen.jsonl", "slow-device.jsonl"],
    "Cannot compare qwen.jsonl with slow-device.jsonl: their device must be the same, got NVIDIA H100 80GB HBM3 and " +
    "NVIDIA H200",
  ],
  ["tests/bench/families/cases.ts", ["no/cases.json"], /^No such file or directory .*no\/cases.json/],
  ["tests/bench/families/judge.ts", ["no"], "Cannot read no: there is no such folder"],
  ["tests/bench/families/tiny.ts", ["out.json", "no_such"], /^There is no tiny model of no_such; known are /],
  ["tests/bench/frames_bench.ts", ["no"], "Cannot read no: it does not exist"],
  ["tests/bench/repeat/compare.ts", ["H100", "no"], /^Cannot read no: No such file/],
  ["tests/bench/repeat/compare.ts", ["H100", "text.jsonl"], /^Cannot read text.jsonl/],
  [
    "tests/bench/repeat/compare.ts",
    ["H100", "results.jsonl"],
    "Cannot compare results.jsonl with H100: the file is of Qwen/Qwen3-0.6B, the bundle of meta-llama/Llama-3.1-8B; " +
    "both must be of the same model",
  ],
  [
    "tests/bench/repeat/compare.ts",
    ["H100", "llama-elsewhere.jsonl"],
    "Cannot compare llama-elsewhere.jsonl with H100: the file is of NVIDIA H200, the bundle of NVIDIA H100 80GB HBM3; " +
    "both must be of the same device",
  ],
  ["tests/bench/repeat/tenth.ts", ["no", "--out", "x"], /^Cannot read no: No such file/],
  ["tests/bench/repeat/tenth.ts", ["text.jsonl", "--out", "x"], /^Cannot read text.jsonl/],
  ["tests/bench/serving/judge.ts", ["H100", "no.jsonl"], /^Cannot read no.jsonl: No such file/],
  ["tests/bench/serving/judge.ts", ["H100", "no.json.gz"], /no.json.gz/],
  ["tests/bench/serving/judge.ts", ["H100", "text.jsonl"], /^Cannot read text.jsonl/],
  [
    "tests/bench/serving/judge.ts",
    ["H100", "served.jsonl"],
    "Cannot compare served.jsonl with H100: the file is of Qwen/Qwen3-0.6B, the bundle of meta-llama/Llama-3.1-8B; " +
    "both must be of the same model",
  ],
  ["tests/bench/serving/simulate_bench.ts", ["H100"], "H100 has no served steps at tp 1"],
  ["tests/bench/truth/compare.ts", ["no", "H100"], /^Cannot read no: No such file/],
  [
    "tests/bench/truth/compare.ts",
    ["empty.jsonl", "H100"],
    "Cannot read empty.jsonl: it must have a line of JSON at least",
  ],
  [
    "tests/bench/truth/compare.ts",
    ["truth.jsonl", "H100"],
    "Cannot compare truth.jsonl with H100: the file is of made/up, the bundle of meta-llama/Llama-3.1-8B; both must " +
    "be of the same model",
  ],
  [
    "tests/bench/truth/compare.ts",
    ["other-device.jsonl", "H100"],
    "Cannot compare other-device.jsonl with H100: the file is of GPU, the bundle of NVIDIA H100 80GB HBM3; both must " +
    "be of the same device",
  ],
  [
    "tests/bench/truth/compare_tensor_parallel.ts",
    ["truth.jsonl"],
    "Usage: compare_tensor_parallel.ts FILE --hardware NAME [--out FILE]",
  ],
  [
    "tests/bench/truth/compare_tensor_parallel.ts",
    ["truth.jsonl", "--hardware", "H100"],
    /^Cannot read truth.jsonl, line 1: type /,
  ],
  ["tests/soak/soak.ts", ["--minutes", "soon"], /^Usage: deno task soak /],
];

/** Scripts that tests start, or a script itself, with what these give them. */
const INNER = /^tests\/(?!bench\/|soak\/soak)|tests\/bench\/adaptive\/worker.ts$/;
/** What hands its words to another program, which refuses them: the command line, Jupyter, another task. */
const HANDS_ON = ["tasks/shotlab.ts", "tasks/notebook.ts", "tasks/start.ts", "tasks/quickstart.ts"];

async function call(script: string, args: readonly string[], cwd: string): Promise<[number, string]> {
  const root = Deno.cwd();
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-check", `${root}/${script}`, ...args],
    cwd,
    env: { NO_COLOR: "1" },
  }).output();
  return [code, new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr)];
}

/** Calls so many at a time. */
async function each<T>(items: readonly T[], body: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const lane = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await body(item);
  };
  await Promise.all(Array.from({ length: navigator.hardwareConcurrency }, lane));
}

/** The scripts: what reads its words, and modules that do so when they are the program. */
async function scripts(): Promise<string[]> {
  const modules = (await readModules()).filter(({ path }) =>
    /^(tasks|tests)\//.test(path) && !INNER.test(path)
  );
  const texts = await Promise.all(modules.map(({ path }) => Deno.readTextFile(path)));
  return modules.map(({ path }) => path).filter((_, i) =>
    /\bDeno\.args\b|import\.meta\.main|process\.argv|\brunScript\(/.test(texts[i]!)
  );
}

Deno.test("a script is told of a wrong option in one line, and ends with 2", async () => {
  const found = (await scripts()).filter((path) => ![...HANDS_ON, "tasks/script.ts"].includes(path));
  assert.ok(found.length > 25);
  await each(found, async (script) => {
    const [status, said] = await call(script, ["--no-such-option"], ".");
    assert.deepEqual([script, status], [script, 2], said);
    assert.match(said, /^error: Unknown option '--no-such-option'\. Usage: [^\n]+\n$/, script);
  });
});

Deno.test("a script says in one line which file is missing, broken or another model's, and ends with 2", async () => {
  const dir = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(FILES)) await Deno.writeTextFile(`${dir}/${name}`, text);
    await Deno.symlink(await Deno.realPath(H100), `${dir}/H100`);
    await each(WRONG, async ([script, args, expected]) => {
      const [status, said] = await call(script, args, dir);
      const words = [script, ...args].join(" ");
      assert.deepEqual([words, status], [words, 2], said);
      const [, line = ""] = /^error: ([^\n]+)\n$/.exec(said) ?? assert.fail(`${words} said ${said}`);
      if (typeof expected === "string") assert.equal(line, expected, words);
      else assert.match(line, expected, words);
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
