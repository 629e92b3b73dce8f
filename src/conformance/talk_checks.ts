/**
 * Checks of the conversation: hello, boot, what is not understood.
 *
 * @module
 */
import { NotMet } from "./dialogue.ts";
import { type Bench, greet, HELLO, only, samplesOf } from "./bench.ts";
import type { Check } from "./check.ts";
import { sampleOf } from "./shots.ts";

/** The checks before anything is fired, in their order. */
export const TALK_CHECKS: readonly Check[] = [
  {
    id: "hello",
    rule: "answers hello with who it is",
    run: async (bench) => void await greet(await bench.start(), bench.shotTimeoutS),
  },
  {
    id: "unknown-fields",
    rule: "ignores fields that it does not know",
    async run(bench): Promise<void> {
      await greet(await bench.start(), bench.shotTimeoutS, { ...HELLO, shoe_size: 42 });
    },
  },
  {
    id: "other-version",
    rule: "answers a version that it does not speak with an error, and goes on",
    async run(bench): Promise<void> {
      const dialogue = await bench.start();
      only(await dialogue.ask({ type: "hello", protocol: 99 }, bench.shotTimeoutS), "error");
      await greet(dialogue, bench.shotTimeoutS);
    },
  },
  {
    id: "fire-before-boot",
    rule: "answers fire with an error while nothing is booted",
    async run(bench): Promise<void> {
      const dialogue = await bench.start();
      const { quantities } = await greet(dialogue, bench.shotTimeoutS);
      const shots = [{ category: "dense", tp: 1, tokens: 1 }];
      const request = { type: "fire", seq: 1, shots, iterations: 1, quantity: quantities[0] };
      only(await dialogue.ask(request, bench.shotTimeoutS), "error");
    },
  },
  {
    id: "boot",
    rule: "boots the model, with limits no higher than asked",
    async run(bench): Promise<void> {
      const { limits } = (await bench.booted()).booted;
      const asked = bench.bootRequest(1);
      for (const name of ["max_num_batched_tokens", "max_num_seqs"] as const) {
        if (limits[name] > asked[name]) {
          throw new NotMet(`limits.${name} must be ${asked[name]} at most, got ${limits[name]}`);
        }
      }
    },
  },
  {
    id: "layers",
    rule: "finds every layer of the architecture at boot",
    async run(bench): Promise<void> {
      const { layers } = (await bench.booted()).booted;
      const asked = Object.values(bench.model.architecture.catalog).flatMap((group) => Object.keys(group));
      const missing = asked.filter((name) => !Object.hasOwn(layers, name));
      if (missing.length > 0) throw new NotMet(`booted lacks ${missing.join(", ")}`);
    },
  },
  {
    id: "unknown-message",
    rule: "answers a message that it does not know with an error, which changes nothing",
    run: (bench) => refusesAndGoesOn(bench, { type: "frie", seq: 1, shots: [] }),
  },
  {
    id: "no-json",
    rule: "answers a line that is no JSON with an error, which changes nothing",
    run: (bench) => refusesAndGoesOn(bench, "fire at will"),
  },
  {
    id: "unknown-layer",
    rule: "answers a boot with a layer that it cannot find with an error, and boots again after it",
    async run(bench): Promise<void> {
      const { dialogue } = await bench.booted();
      bench.spoil();
      const { architecture } = bench.model;
      const catalog = {
        ...architecture.catalog,
        dense: { ...architecture.catalog.dense, no_such_layer: { vllm: ["NoSuchClass"] } },
      };
      const pre = [...architecture.sequence["pre_attn"] ?? [], "no_such_layer"];
      const sequence = { ...architecture.sequence, pre_attn: pre };
      const request = bench.bootRequest(1, { ...architecture, sequence, catalog });
      only(await dialogue.ask(request, bench.bootTimeoutS), "error");
      await bench.boot(dialogue, bench.bootRequest(1));
    },
  },
  {
    id: "boot-again",
    rule: "boots another tensor-parallel degree in place of the engine before",
    async run(bench): Promise<void> {
      const { dialogue } = await bench.booted();
      bench.spoil();
      await bench.boot(dialogue, bench.bootRequest(2));
      const shot = { category: "dense", tp: 2, tokens: 4 } as const;
      samplesOf((await bench.fire(dialogue, [shot]))[0]!, shot);
    },
  },
];

async function refusesAndGoesOn(bench: Bench, request: unknown): Promise<void> {
  const { dialogue, booted } = await bench.booted();
  only(await dialogue.ask(request, bench.shotTimeoutS), "error");
  const { shots: [shot] } = sampleOf("dense", bench.model, booted)!;
  samplesOf((await bench.fire(dialogue, [shot]))[0]!, shot);
}
