/**
 * A tiny worker: answers at once, or misbehaves as its first argument says.
 *
 * @module
 */
import type { Answer, Request } from "../../../src/harness/protocol.ts";

type Fire = Extract<Request, { type: "fire" }>;
type Boot = Extract<Request, { type: "boot" }>;

const encoder = new TextEncoder();
const say = (text: string): void => void Deno.stdout.writeSync(encoder.encode(text));
const send = (answer: Answer): void => say(JSON.stringify(answer) + "\n");
const log = (text: string): void => void Deno.stderr.writeSync(encoder.encode(text + "\n"));
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const never = (): Promise<never> => new Promise(() => setInterval(() => {}, 1000));

let layers: Readonly<Record<string, readonly string[]>> = {};

function hello(protocol = 1): void {
  send({
    type: "hello",
    protocol,
    harness: "fake",
    harness_version: "1",
    engine: "none",
    engine_version: "0",
    device: "nothing",
    driver: "none",
    runtime: "deno",
    quantities: ["wall"],
    lanes: 1,
  });
}

function boot({ tp, architecture, max_num_batched_tokens, max_num_seqs }: Boot): void {
  layers = Object.fromEntries(
    Object.entries(architecture.catalog).map(([group, all]) => [group, Object.keys(all)]),
  );
  send({
    type: "booted",
    tp,
    limits: {
      max_num_batched_tokens,
      max_num_seqs,
      num_cache_tokens: 65536,
      max_model_len: 4096,
      num_experts: null,
      top_k: null,
      block_size: 16,
    },
    num_gpu_blocks: 4096,
    layers: Object.fromEntries(
      Object.values(layers).flat().map((name) => [name, { class: "Fake", modules: 1 }]),
    ),
    engine_args: {},
  });
}

function result({ seq, shots, iterations }: Fire, index: number, value = 1.5): void {
  const shot = shots[index]!;
  const names = shot.category === "skew" ? shot.parts : layers[shot.category]!;
  const samples = Object.fromEntries(names.map((name) => [name, new Array<number>(iterations).fill(value)]));
  send({ type: "result", seq, index, samples });
}

function fire(request: Fire): void {
  for (let index = 0; index < request.shots.length; index++) result(request, index);
  send({ type: "done", seq: request.seq });
}

function fireTalkatively({ seq, shots }: Fire): void {
  const state = {
    sm_clock_mhz: 1980,
    memory_clock_mhz: null,
    temperature_c: 38,
    power_w: 90.5,
    throttle: [],
  };
  send({ type: "state", seq, ...state });
  send({ type: "kernels", names: { ab: "gather" } });
  const told = {
    samples: { embedding: [2, 2, 2] },
    stop: "precision",
    kernels: { embedding: ["ab"] },
  } as const;
  for (const index of shots.keys()) send({ type: "result", seq, index, ...told });
  send({ type: "done", seq, device_busy_us: 18, wall_us: 900 });
}

type Handlers = {
  hello: () => unknown;
  boot: (request: Boot) => unknown;
  fire: (request: Fire) => unknown;
  shutdown: () => unknown;
};

const normal: Handlers = { hello: () => hello(), boot, fire, shutdown: () => send({ type: "bye" }) };

const faults: Readonly<Record<string, Partial<Handlers>>> = {
  ok: {},
  talkative: { fire: fireTalkatively },
  "garbage-at-hello": { hello: () => say("Welcome to the engine\n") },
  "other-version": { hello: () => hello(2) },
  "error-at-hello": {
    hello: () =>
      send({ type: "error", kind: "unsupported", message: "torch must be installed", detail: null }),
  },
  "exit-at-hello": {
    hello: () => {
      log("ImportError: no module named torch");
      Deno.exit(1);
    },
  },
  "garbage-at-boot": { boot: () => say("INFO loading weights\n") },
  "exit-at-boot": {
    boot: () => {
      log("loading\nRuntimeError: no device");
      Deno.exit(3);
    },
  },
  "error-at-boot": {
    boot: () =>
      send({
        type: "error",
        kind: "unsupported",
        message: "cannot boot tp 1: layer 'rotary_emb' matches no module",
        detail: "modules found: Attention",
      }),
  },
  "other-parts": {
    fire: ({ seq }) =>
      send({ type: "result", seq, index: 0, samples: { t_skew: [1, 1], embedding: [1, 1] } }),
  },
  "hang-at-boot": { boot: never },
  "exit-mid-chunk": {
    fire: (request) => {
      result(request, 0);
      Deno.exit(9);
    },
  },
  "killed-mid-chunk": {
    fire: (request) => {
      result(request, 0);
      Deno.kill(Deno.pid, "SIGKILL");
      return never();
    },
  },
  "cut-line": {
    fire: (request) => {
      result(request, 0);
      say('{"type":"result","se');
      Deno.exit(9);
    },
  },
  "hang-mid-chunk": {
    fire: (request) => {
      result(request, 0);
      return never();
    },
  },
  "endless-line": {
    fire: async () => {
      for (;;) {
        say("x".repeat(65536));
        await sleep(0);
      }
    },
  },
  "wrong-order": { fire: (request) => result(request, 1) },
  "wrong-seq": { fire: (request) => result({ ...request, seq: request.seq - 1 }, 0) },
  "wrong-type": { fire: () => send({ type: "bye" }) },
  "one-sample": { fire: (request) => result({ ...request, iterations: 1 }, 0) },
  "no-samples": { fire: ({ seq }) => send({ type: "result", seq, index: 0, samples: {} }) },
  "other-layer": { fire: ({ seq }) => send({ type: "result", seq, index: 0, samples: { x: [1, 1] } }) },
  negative: { fire: (request) => result(request, 0, -1) },
  refuse: {
    fire: () => send({ type: "error", kind: "bad_request", message: "shots must be a list", detail: null }),
  },
  "one-fails": {
    fire: (request) => {
      result(request, 0);
      send({ type: "failed", seq: request.seq, index: 1, kind: "out_of_memory", message: "no room" });
      result(request, 2);
      send({ type: "done", seq: request.seq });
    },
  },
  "fatal-device-error": {
    fire: (request) => {
      send({ type: "failed", seq: request.seq, index: 0, kind: "engine_dead", message: "illegal access" });
      Deno.exit(1);
    },
  },
  slow: {
    fire: async (request) => {
      for (let index = 0; index < request.shots.length; index++) {
        await sleep(700);
        result(request, index);
      }
      send({ type: "done", seq: request.seq });
    },
  },
  "hang-at-shutdown": { shutdown: never },
  stubborn: {
    fire: () => {
      for (;;);
    },
  },
};

if (import.meta.main) {
  Deno.addSignalListener("SIGINT", () => {});
  const handlers = { ...normal, ...faults[Deno.args[0] ?? "ok"] };
  let rest = "";
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const request = JSON.parse(line);
      await handlers[request.type as keyof Handlers](request);
      if (request.type === "shutdown") Deno.exit();
    }
  }
  Deno.exit();
}
