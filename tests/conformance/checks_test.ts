import assert from "node:assert/strict";
import { openBench } from "../../src/conformance/bench.ts";
import type { Check } from "../../src/conformance/check.ts";
import { CHECKS, tryAll } from "../../src/conformance/conformance.ts";
import { Silent } from "../../src/conformance/dialogue.ts";
import { sampleOf } from "../../src/conformance/shots.ts";
import type { Ending } from "../../src/harness/child.ts";
import type { Booted } from "../../src/harness/harness.ts";
import type { Answer } from "../../src/harness/protocol.ts";
import { loadModel } from "../../src/model/load_model.ts";
import type { Model } from "../../src/model/model.ts";
import { shardConfig } from "../../src/model/shard.ts";
import { fakeHarness, type Fault, type Message, NO_PROCESS } from "./fake_harness.ts";

/** Has layers of every category. */
const MODEL = await loadModel("Qwen/Qwen3-Next-80B-A3B-Instruct");
const DENSE_MODEL = await loadModel("Qwen/Qwen3-0.6B");

const checkOf = (id: string): Check => CHECKS.find((check) => check.id === id)!;

const optionsOf = (model: Model) => ({ argv: ["fake"], model, bootTimeoutS: 90, shotTimeoutS: 30 });

const plain = (value: unknown): string => JSON.stringify(value).replaceAll('"', "");

/** What is said to a harness, as a line of text. */
function shown(what: string, message: unknown, seconds?: number): string {
  const within = seconds === undefined ? "" : ` ${seconds} s`;
  if (message === undefined) return what + within;
  if (typeof message === "string") return `${what} '${message}'${within}`;
  const { type, config: _, architecture: __, shots, ...rest } = message as Message;
  const of = shots === undefined ? "" : shots.map((shot: unknown) => `\n  ${plain(shot)}`).join("");
  return `${what} ${type} ${plain(rest)}${within}${of}`;
}

const HELLO = "ask hello {protocol:1} 30 s";
const bootLine = (tp: number): string =>
  `ask boot {tp:${tp},dtype:auto,kv_cache_dtype:auto,block_size:null,max_num_batched_tokens:256,max_num_seqs:16} 90 s`;
const fireLine = (seq: number, shots: readonly string[], rest = "", iterations = 3): string =>
  [
    `ask fire {seq:${seq},iterations:${iterations},quantity:kernel${rest}} 30 s`,
    ...shots.map((shot) => `{category:${shot}}`),
  ].join("\n  ");
const FRESH = ["end 0 s", "start", HELLO];
const BOOTED = [...FRESH, bootLine(1)];
const MANY = [
  "send fire {seq:1,iterations:3,quantity:kernel}",
  ...new Array(50).fill("{category:dense,tp:1,tokens:1}"),
].join("\n  ");

const D1 = "dense,tp:1,tokens:1";
const SHOTS: Record<string, [string, string]> = {
  "dense": [D1, "dense,tp:1,tokens:48"],
  "per_sequence": ["per_sequence,tp:1,sequences:1", "per_sequence,tp:1,sequences:4"],
  "attention": [
    "attention,tp:1,prefill_chunk:16,kv_prefill:32,n_decode:0,kv_decode:0",
    "attention,tp:1,prefill_chunk:16,kv_prefill:0,n_decode:3,kv_decode:48",
  ],
  "linear_attention": [
    "linear_attention,tp:1,prefill_tokens:16,n_decode:0",
    "linear_attention,tp:1,prefill_tokens:16,n_decode:3",
  ],
  // The engine's top_k is 5.
  "moe": ["moe,tp:1,tokens:8,activated_experts:5", "moe,tp:1,tokens:16,activated_experts:10"],
  "skew": [
    "skew,tp:1,tier:1,n:4,nb:1,skew:4,ratio:0.25,pc:0,kp:0,kvs:32,kv_big:128,kv_mean:56,regime:pure," +
    "parts:[t_mean,t_max,t_skew]",
    "skew,tp:1,tier:1,n:4,nb:1,skew:4,ratio:0.25,pc:16,kp:32,kvs:32,kv_big:128,kv_mean:56,regime:mixed," +
    "parts:[t_mean,t_max,t_skew]",
  ],
};

/** What each check says to a harness that meets every rule, when all are tried in their order. */
const SAID: Record<string, string[]> = {
  "hello": ["start", HELLO],
  "unknown-fields": ["end 0 s", "start", "ask hello {protocol:1,shoe_size:42} 30 s"],
  "other-version": ["end 0 s", "start", "ask hello {protocol:99} 30 s", HELLO],
  "fire-before-boot": [...FRESH, fireLine(1, [D1], "", 1)],
  "boot": BOOTED,
  "layers": [],
  "unknown-message": ["ask frie {seq:1} 30 s", fireLine(1, [D1])],
  "no-json": ["ask 'fire at will' 30 s", fireLine(2, [D1])],
  "unknown-layer": [bootLine(1), bootLine(1)],
  "boot-again": [...BOOTED, bootLine(2), fireLine(3, ["dense,tp:2,tokens:4"])],
  "fire-dense": [...BOOTED, fireLine(4, SHOTS["dense"]!)],
  "fire-per_sequence": [fireLine(5, SHOTS["per_sequence"]!)],
  "fire-attention": [fireLine(6, SHOTS["attention"]!)],
  "fire-linear_attention": [fireLine(7, SHOTS["linear_attention"]!)],
  "fire-moe": [fireLine(8, SHOTS["moe"]!)],
  "fire-skew": [fireLine(9, SHOTS["skew"]!)],
  "mixed-chunk": [fireLine(10, [0, 1].flatMap((at) => Object.values(SHOTS).map((shots) => shots[at]!)))],
  "iterations": [fireLine(11, [D1], "", 5)],
  "precision": [fireLine(12, [D1], ",precision:{relative:0.5,min:2,max:6}")],
  "infeasible": [fireLine(13, ["dense,tp:1,tokens:409600", D1])],
  "bad-shot": [fireLine(14, ["dense,tp:1", D1])],
  "quantity": [
    "ask fire {seq:1,iterations:1,quantity:guess} 30 s\n  {category:dense,tp:1,tokens:1}",
    fireLine(15, [D1]),
  ],
  "interrupt": [`kill ${NO_PROCESS} SIGINT`, HELLO],
  "shutdown": ["ask shutdown {} 30 s", "end 10 s"],
  "end-of-input": [...FRESH, "end 10 s"],
  "left-alone": [...BOOTED, MANY, "end 30 s"],
  "kill": [...BOOTED, MANY, "end 0 s", ...BOOTED],
};

/** Signals are told, and reach nobody. */
function withoutSignals(told: (line: string) => void = () => {}): Disposable {
  const { kill } = Deno;
  Deno.kill = (pid, signal) => told(`kill ${pid} ${signal}`);
  return { [Symbol.dispose]: () => void (Deno.kill = kill) };
}

Deno.test("conformance: what each check says to the harness", async () => {
  let said: string[] = [];
  const boots: Message[] = [];
  using _ = withoutSignals((line) => said.push(line));
  const told = (what: string, message: unknown, seconds?: number): void => {
    said.push(shown(what, message, seconds));
    if ((message as Message | undefined)?.type === "boot") boots.push(message as Message);
  };
  const found: Record<string, string[]> = {};
  {
    await using bench = openBench(optionsOf(MODEL), fakeHarness(MODEL, told));
    for await (const { id, status } of tryAll(bench)) {
      assert.equal(status, "passed", id);
      found[id] = said;
      said = [];
    }
  }
  assert.deepEqual(found, SAID);
  assert.deepEqual(said, ["end 0 s"]);
  for (const { config, tp } of boots) assert.deepEqual(config, shardConfig(MODEL.config, tp));
  const other = boots.filter(({ architecture }) => architecture !== MODEL.architecture);
  assert.equal(other.length, 1);
  const { catalog, sequence } = other[0]!.architecture;
  assert.deepEqual(catalog, {
    ...MODEL.architecture.catalog,
    dense: { ...MODEL.architecture.catalog.dense, no_such_layer: { vllm: ["NoSuchClass"] } },
  });
  assert.deepEqual(sequence, {
    ...MODEL.architecture.sequence,
    pre_attn: [...MODEL.architecture.sequence["pre_attn"]!, "no_such_layer"],
  });
});

Deno.test("conformance: an architecture with nothing before its attention gets the unknown layer too", async () => {
  const { pre_attn: _, ...sequence } = DENSE_MODEL.architecture.sequence;
  const model = { ...DENSE_MODEL, architecture: { ...DENSE_MODEL.architecture, sequence } };
  const orders: unknown[] = [];
  const told = (_: string, message: unknown): void => {
    if ((message as Message | undefined)?.type === "boot") {
      orders.push((message as Message).architecture.sequence);
    }
  };
  await checkOf("unknown-layer").run(openBench(optionsOf(model), fakeHarness(model, told)));
  assert.deepEqual(orders, [sequence, { ...sequence, pre_attn: ["no_such_layer"] }, sequence]);
});

Deno.test("conformance: an engine without a top_k is asked for one expert and two", () => {
  const { shots } = sampleOf("moe", MODEL, { limits: {} } as Booted)!;
  assert.deepEqual(shots, [
    { category: "moe", tp: 1, tokens: 8, activated_experts: 1 },
    { category: "moe", tp: 1, tokens: 16, activated_experts: 2 },
  ]);
});

const error = (
  kind = "engine",
  message = "gone",
): Answer[] => [{ type: "error", kind, message, detail: null }];

/** A fault in the answers to a type of request: to the nth, or to all. */
const at = (type: string, change: Fault, nth?: number): Fault => (answers, request, count) =>
  request["type"] === type && (nth === undefined || nth === count)
    ? change(answers, request, count)
    : answers;

// deno-lint-ignore no-explicit-any
type Edit = (value: any) => unknown;

/** Changes the answer of an index, or all those that have the key. */
const edited = (key: string, edit: Edit, index?: number): Fault => (answers) =>
  answers.map((answer) =>
    key in answer && (index === undefined || (answer as Message)["index"] === index)
      ? { ...answer, [key]: edit((answer as Message)[key]) } as Answer
      : answer
  );

const inFire = (key: string, edit: Edit, index?: number): Fault => at("fire", edited(key, edit, index));
const fails = (index: number, kind = "engine"): Fault =>
  at(
    "fire",
    (answers) =>
      answers.map((answer) =>
        "index" in answer && answer.index === index
          ? { type: "failed", seq: answer.seq, index, kind, message: "gone" } as Answer
          : answer
      ),
  );
const measures = (index: number): Fault =>
  at(
    "fire",
    (answers) =>
      answers.map((answer) =>
        "index" in answer && answer.index === index
          ? { type: "result", seq: answer.seq, index, samples: {} } as Answer
          : answer
      ),
  );
/** Drops, adds or shortens samples of a shot. */
const withOut = (names: readonly string[], index: number): Fault =>
  inFire(
    "samples",
    (samples) => Object.fromEntries(Object.entries(samples).filter(([name]) => !names.includes(name))),
    index,
  );
const with_ = (more: object, index: number): Fault =>
  inFire("samples", (samples) => ({ ...samples, ...more }), index);
const times = (name: string, count: number): Fault =>
  inFire("samples", (samples) => ({ ...samples, [name]: new Array(count).fill(1) }), 0);

const measured = (shot: string): string => `${shot} must be measured, got failed (engine: gone)`;
const DENSE_1 = '{"category":"dense","tp":1,"tokens":1}';
const DENSE_48 = '{"category":"dense","tp":1,"tokens":48}';
const HUGE = '{"category":"dense","tp":1,"tokens":409600}';
const NO_TOKENS = "a dense shot without tokens";

/** What a harness does wrong, by the check that notices, and what is said of it. */
const WRONG: Record<string, Record<string, [fault: Fault, text: string]>> = {
  "hello": {
    "refuses": [at("hello", () => error()), "the answer must be hello, got error (engine: gone)"],
    "speaks another version": [at("hello", edited("protocol", () => 2)), "protocol must be 1, got 2"],
    "says more than one thing": [
      at("hello", (answers) => [{ type: "kernels", names: {} }, ...answers]),
      "the answer must be hello, got kernels, hello",
    ],
    "says it twice": [
      at("hello", (answers) => [...answers, ...answers]),
      "the answer must be hello, got hello, hello",
    ],
  },
  "unknown-fields": {
    "refuses them": [
      at("hello", (answers, request) => "shoe_size" in request ? error("bad_request", "what?") : answers),
      "the answer must be hello, got error (bad_request: what?)",
    ],
  },
  "other-version": {
    "goes by": [at("hello", () => [{ type: "bye" }], 1), "the answer must be error, got bye"],
    "refuses the right one after it": [
      at("hello", () => error(), 2),
      "the answer must be hello, got error (engine: gone)",
    ],
  },
  "fire-before-boot": {
    "is done": [at("fire", () => [{ type: "done", seq: 1 }]), "the answer must be error, got done"],
  },
  "boot": {
    "does not boot": [
      at("boot", () => error("oom", "full")),
      "the answer must be booted, got error (oom: full)",
    ],
    "repeats another degree": [at("boot", edited("tp", () => 2)), "booted must repeat tp 1, got 2"],
    "allows more tokens": [
      at("boot", edited("limits", (limits) => ({ ...limits, max_num_batched_tokens: 257 }))),
      "limits.max_num_batched_tokens must be 256 at most, got 257",
    ],
    "allows more requests": [
      at("boot", edited("limits", (limits) => ({ ...limits, max_num_seqs: 17 }))),
      "limits.max_num_seqs must be 16 at most, got 17",
    ],
  },
  "layers": {
    "lacks one": [
      at("boot", edited("layers", ({ moe: _, ...layers }) => layers)),
      "booted lacks moe",
    ],
    "lacks all": [
      at("boot", edited("layers", () => ({}))),
      "booted lacks embedding, layernorm, gdn_in_proj, gdn_norm, gdn_out_proj, qkv_proj, qk_norm_rope, attn_glue, " +
      "o_proj, final_layernorm, lm_head, sampler, attention, moe, gdn",
    ],
  },
  "unknown-message": {
    "is done": [at("frie", () => [{ type: "done", seq: 1 }]), "the answer must be error, got done"],
    "has lost its engine": [fails(0), measured(DENSE_1)],
  },
  "no-json": {
    "says bye": [
      (answers, request) => request["type"] === undefined ? [{ type: "bye" }] : answers,
      "the answer must be error, got bye",
    ],
    "has lost its engine": [fails(0), measured(DENSE_1)],
  },
  "unknown-layer": {
    "boots": [at("boot", edited("type", () => "bye"), 1), "the answer must be booted, got bye"],
    "says bye": [at("boot", () => [{ type: "bye" }], 2), "the answer must be error, got bye"],
    "does not boot after it": [
      at("boot", () => error(), 3),
      "the answer must be booted, got error (engine: gone)",
    ],
    "boots another degree after it": [at("boot", edited("tp", () => 4), 3), "booted must repeat tp 1, got 4"],
  },
  "boot-again": {
    "boots the degree before": [at("boot", edited("tp", () => 1)), "booted must repeat tp 2, got 1"],
    "cannot fire": [fails(0), measured('{"category":"dense","tp":2,"tokens":4}')],
  },
  "fire-dense": {
    "fails at the second": [fails(1), measured(DENSE_48)],
    "lacks a layer": [withOut(["layernorm"], 0), "the dense shot lacks samples of layernorm"],
    "lacks two in the second": [
      withOut(["embedding", "o_proj"], 1),
      "the dense shot lacks samples of embedding, o_proj",
    ],
    "times others too": [
      with_({ moe: [1, 1, 1], act: [1, 1, 1] }, 1),
      "the dense shot has samples of moe, act too",
    ],
    "takes too few": [times("embedding", 2), "there must be 3 samples of embedding, got 2"],
    "takes too many of the last": [
      times("final_layernorm", 4),
      "there must be 3 samples of final_layernorm, got 4",
    ],
    "ends with an error": [
      at("fire", (answers) => [...answers.slice(0, -1), ...error("oom", "full")]),
      "the last answer must be done, got error (oom: full)",
    ],
    "ends with bye": [
      at("fire", (answers) => [...answers.slice(0, -1), { type: "bye" }]),
      "the last answer must be done, got bye",
    ],
    "leaves one out": [
      at("fire", (answers) => answers.slice(1)),
      "there must be one answer per shot, 2, got 1",
    ],
    "answers one twice": [
      at("fire", (answers) => [answers[0]!, ...answers]),
      "there must be one answer per shot, 2, got 3",
    ],
    "answers out of order": [
      at("fire", ([first, second, done]) => [second!, first!, done!]),
      "answers must repeat seq 1 and come in the order of the shots: expected index 0, got seq 1 index 1",
    ],
    "numbers the second wrongly": [
      inFire("index", () => 7, 1),
      "answers must repeat seq 1 and come in the order of the shots: expected index 1, got seq 1 index 7",
    ],
    "repeats another number": [
      inFire("seq", () => 9, 1),
      "answers must repeat seq 1 and come in the order of the shots: expected index 1, got seq 9 index 1",
    ],
    "is done with another request": [
      at("fire", (answers) => [...answers.slice(0, -1), { type: "done", seq: 2 }]),
      "done must repeat seq 1, got 2",
    ],
  },
  "fire-per_sequence": {
    "lacks a layer": [withOut(["sampler"], 1), "the per_sequence shot lacks samples of sampler"],
  },
  "fire-attention": {
    "times others too": [with_({ o_proj: [1] }, 0), "the attention shot has samples of o_proj too"],
  },
  "fire-linear_attention": {
    "lacks its layer": [withOut(["gdn"], 0), "the linear_attention shot lacks samples of gdn"],
  },
  "fire-moe": {
    "takes none": [times("moe", 0), "there must be 3 samples of moe, got 0"],
  },
  "fire-skew": {
    "lacks parts": [withOut(["t_mean", "t_max"], 1), "the skew shot lacks samples of t_mean, t_max"],
  },
  "mixed-chunk": {
    "lacks a layer of the fourth": [withOut(["gdn"], 3), "the linear_attention shot lacks samples of gdn"],
    "lacks a layer of the last": [withOut(["t_skew"], 11), "the skew shot lacks samples of t_skew"],
    "takes too many": [times("embedding", 4), "there must be 3 samples of embedding, got 4"],
    "fails at the second": [fails(6), measured(DENSE_48)],
  },
  "iterations": {
    "takes too few": [times("embedding", 4), "there must be 5 samples of embedding, got 4"],
    "takes too many": [times("embedding", 6), "there must be 5 samples of embedding, got 6"],
    "fails": [fails(0), measured(DENSE_1)],
  },
  "precision": {
    "takes too few": [times("o_proj", 1), "there must be 2 to 6 samples of o_proj, got 1"],
    "takes too many": [times("o_proj", 7), "there must be 2 to 6 samples of o_proj, got 7"],
  },
  "infeasible": {
    "measures it": [measures(0), `${HUGE} must have failed of kind infeasible, got result`],
    "fails otherwise": [
      fails(0, "out_of_memory"),
      `${HUGE} must have failed of kind infeasible, got failed of kind out_of_memory`,
    ],
    "does not fire the next": [fails(1), measured(DENSE_1)],
  },
  "bad-shot": {
    "measures it": [measures(0), `${NO_TOKENS} must have failed of kind bad_request, got result`],
    "fails otherwise": [
      fails(0, "infeasible"),
      `${NO_TOKENS} must have failed of kind bad_request, got failed of kind infeasible`,
    ],
    "does not fire the next": [fails(1), measured(DENSE_1)],
  },
  "quantity": {
    "is done": [at("fire", () => [{ type: "done", seq: 1 }], 1), "the answer must be error, got done"],
    "has lost its engine": [at("fire", fails(0), 2), measured(DENSE_1)],
  },
  "interrupt": {
    "does not know itself any more": [
      at("hello", () => error(), 2),
      "the answer must be hello, got error (engine: gone)",
    ],
  },
  "shutdown": {
    "refuses": [at("shutdown", () => error()), "the answer must be bye, got error (engine: gone)"],
  },
  "end-of-input": {
    "says no hello": [at("hello", () => error()), "the answer must be hello, got error (engine: gone)"],
  },
  "kill": {
    "does not boot after it": [
      at("boot", () => error("oom", "full"), 2),
      "the answer must be booted, got error (oom: full)",
    ],
  },
};

/** Tries a check alone. */
async function tried(id: string, fault?: Fault, ending?: Ending): Promise<void> {
  using _ = withoutSignals();
  await using bench = openBench(optionsOf(MODEL), fakeHarness(MODEL, () => {}, fault, ending));
  await checkOf(id).run(bench);
}

for (const [id, faults] of Object.entries(WRONG)) {
  Deno.test(`conformance: ${id} notices a harness that breaks its rule`, async () => {
    for (const [name, [fault, text]] of Object.entries(faults)) {
      await assert.rejects(tried(id, fault), { name: "NotMet", message: text }, name);
    }
  });
}

/** Ends that are not as they should be, and what is said of them. */
const ENDINGS: Record<string, [ending: Ending, text: string][]> = {
  "shutdown": [
    [{ exitCode: 1, signal: null, killed: false }, "the exit code must be 0, got 1"],
    [{ exitCode: null, signal: "SIGSEGV", killed: false }, "it was ended by SIGSEGV"],
    [{ exitCode: null, signal: "SIGKILL", killed: true }, "it had not ended after 10 s and was killed"],
  ],
  "end-of-input": [
    [{ exitCode: null, signal: "SIGPIPE", killed: false }, "it was ended by SIGPIPE"],
    [{ exitCode: null, signal: "SIGKILL", killed: true }, "it had not ended after 10 s and was killed"],
  ],
  "left-alone": [
    [{ exitCode: null, signal: "SIGABRT", killed: false }, "it was ended by SIGABRT"],
    [{ exitCode: null, signal: "SIGKILL", killed: true }, "it had not ended after 30 s and was killed"],
  ],
};

for (const [id, endings] of Object.entries(ENDINGS)) {
  Deno.test(`conformance: ${id} notices how a harness ends`, async () => {
    for (const [ending, text] of endings) {
      await assert.rejects(tried(id, undefined, ending), { name: "NotMet", message: text });
    }
  });
}

Deno.test("conformance: who ends without being asked for 0 may exit with another code", async () => {
  for (const id of ["end-of-input", "left-alone"]) {
    await tried(id, undefined, { exitCode: 1, signal: null, killed: false });
  }
});

/** What a harness may do, by the check that it passes. */
const ALLOWED: Record<string, [id: string, fault: Fault]> = {
  "takes the least of a precision": ["precision", times("o_proj", 2)],
  "takes the most of a precision": ["precision", times("o_proj", 6)],
  "allows less than asked": [
    "boot",
    at("boot", edited("limits", (limits) => ({ ...limits, max_num_batched_tokens: 255, max_num_seqs: 15 }))),
  ],
  "finds more layers than asked": [
    "layers",
    at("boot", edited("layers", (layers) => ({ ...layers, more: { class: "More", modules: 1 } }))),
  ],
  "tells its device's state between the shots": [
    "fire-dense",
    at(
      "fire",
      ([first, ...rest]) => [{ type: "kernels", names: {} }, first!, { type: "kernels", names: {} }, ...rest],
    ),
  ],
};

for (const [name, [id, fault]] of Object.entries(ALLOWED)) {
  Deno.test(`conformance: a harness that ${name} passes ${id}`, () => tried(id, fault));
}

for (const category of ["linear_attention", "moe"]) {
  Deno.test(`conformance: a model without ${category} has no such shots`, async () => {
    const bench = openBench(optionsOf(DENSE_MODEL), fakeHarness(DENSE_MODEL));
    await assert.rejects(checkOf(`fire-${category}`).run(bench), {
      name: "DoesNotApply",
      message: `the model has no ${category} layer`,
    });
    await checkOf("mixed-chunk").run(bench);
  });
}

Deno.test("conformance: nothing is interrupted through a transport", async () => {
  const said: string[] = [];
  const bench = openBench(
    { ...optionsOf(MODEL), elsewhere: true },
    fakeHarness(MODEL, (what) => said.push(what)),
  );
  await assert.rejects(checkOf("interrupt").run(bench), {
    name: "DoesNotApply",
    message: "a transport does not pass signals on",
  });
  assert.deepEqual(said, []);
});

/** The findings about a harness with a fault, in the order of the checks. */
async function findings(
  fault: Fault,
): Promise<{ found: [string, string, string | undefined][]; starts: number }> {
  using _ = withoutSignals();
  let starts = 0;
  const told = (what: string): void => void (starts += Number(what === "start"));
  const found: [string, string, string | undefined][] = [];
  for await (
    const { id, rule, status, detail } of tryAll(openBench(optionsOf(MODEL), fakeHarness(MODEL, told, fault)))
  ) {
    assert.equal(rule, checkOf(id).rule);
    found.push([id, status, detail]);
  }
  return { found, starts };
}

const silent: Fault = () => {
  throw new Silent("no answer came within 30 s");
};

for (
  const [first, fault] of [
    ["hello", at("hello", silent)],
    ["boot", at("boot", silent)],
    [
      "fire-dense",
      at("fire", (answers, request) => request["shots"].length === 2 ? silent(answers, request, 1) : answers),
    ],
  ] as const
) {
  Deno.test(`conformance: after a silence at ${first} nothing more is tried`, async () => {
    const { found } = await findings(fault);
    const index = CHECKS.findIndex(({ id }) => id === first);
    assert.deepEqual(
      found,
      CHECKS.map(({ id }, at) =>
        at < index
          ? [id, "passed", undefined]
          : at === index
          ? [id, "failed", "no answer came within 30 s"]
          : [id, "skipped", `not tried after the silence at ${first}`]
      ),
    );
  });
}

Deno.test("conformance: after a silence elsewhere, or a boot that fails, the rest is tried", async () => {
  const failed = (found: [string, string, string | undefined][]) =>
    found.filter(([, status]) => status !== "passed");
  const later = await findings(at("frie", silent));
  assert.deepEqual(failed(later.found), [["unknown-message", "failed", "no answer came within 30 s"]]);
  const refused = await findings(at("boot", () => error(), 1));
  assert.deepEqual(failed(refused.found), [[
    "boot",
    "failed",
    "the answer must be booted, got error (engine: gone)",
  ]]);
});

Deno.test("conformance: a check that fails is the last one of its process", async () => {
  const { starts } = await findings((answers) => answers);
  assert.equal((await findings(at("frie", () => [{ type: "bye" }]))).starts, starts + 1);
});

for (const ending of ["hello", "shutdown"]) {
  Deno.test(`conformance: after ${ending} a booted process is another one`, async () => {
    const said: string[] = [];
    const told = (what: string, message: unknown, seconds?: number): void =>
      void said.push(shown(what, message, seconds));
    const bench = openBench(optionsOf(MODEL), fakeHarness(MODEL, told));
    for (const id of ["boot", ending]) await checkOf(id).run(bench);
    said.length = 0;
    await checkOf("layers").run(bench);
    assert.deepEqual(said, BOOTED);
  });
}

Deno.test("conformance: a fault of ours is no finding", async () => {
  await assert.rejects(
    findings(at("boot", () => {
      throw new TypeError("ours");
    })),
    { name: "TypeError", message: "ours" },
  );
});
