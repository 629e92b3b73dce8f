/** What goes on while the last rows of a degree are predicted. */
import assert from "node:assert/strict";
import type { Harness, SustainedFact } from "../../src/harness/harness.ts";
import { profile, type ProfileOptions } from "../../src/run/profile.ts";
import type { SettingsInput } from "../../src/settings.ts";
import { FIFTH, GRID } from "./adaptive_grid.ts";
import { fakeHarness } from "./fakes.ts";
import { withFolder } from "./tiny_run.ts";

const PART = {
  ...{ ...GRID, ...FIFTH, tpDegrees: [1, 2], skipSkew: true },
  ...{ maxNumBatchedTokens: 64, maxNumSeqs: 8, attentionMaxKv: 256 },
} satisfies SettingsInput;

/** Profiles on a host with so many cores; gives in which order engines, lasting loads, predictions and a loan came. */
async function orderOf(cores: number, input: Partial<SettingsInput>, lends = true): Promise<string[]> {
  const order: string[] = [];
  const open = (): Promise<Harness> => {
    const harness = fakeHarness();
    return Promise.resolve({
      ...harness,
      async boot(request): ReturnType<Harness["boot"]> {
        order.push(`boot ${request.tp}`);
        return { ...await harness.boot(request), sustains: true };
      },
      // deno-lint-ignore require-yield
      async *sustain(): AsyncGenerator<SustainedFact> {
        order.push("sustain");
      },
      async close(): Promise<void> {
        await harness.close();
        order.push("close");
      },
    });
  };
  const options: ProfileOptions = {
    open,
    ...lends && { loan: { begin: () => void order.push("lend"), use: "serves" } },
    onEvent: (event) => {
      if (event.type === "estimated") order.push(`predicted ${event.tp}`);
    },
  };
  const usual = navigator.hardwareConcurrency;
  Object.defineProperty(navigator, "hardwareConcurrency", { value: cores, configurable: true });
  try {
    await withFolder(async (perfDir) => void await profile({ ...PART, perfDir, ...input }, options));
  } finally {
    Object.defineProperty(navigator, "hardwareConcurrency", { value: usual, configurable: true });
  }
  return order;
}

const ONE_BY_ONE = ["boot 1", "predicted 1", "boot 2", "predicted 2", "close", "lend"];
const ALL = { sustainS: 0, adaptive: null };
const CASES: [what: string, cores: number, input: Partial<SettingsInput>, order: string[]][] = [
  ["the next engine boots, and the device is lent", 4, { sustainS: 0 }, [
    ...["boot 1", "boot 2", "predicted 1", "close", "lend", "predicted 2"],
  ]],
  ["a lasting load goes on in place of that", 4, {}, [
    ...["boot 1", "sustain", "predicted 1", "boot 2", "close", "lend", "predicted 2"],
  ]],
  ["with few cores nothing does", 3, { sustainS: 0 }, ONE_BY_ONE],
  ["with few cores the lasting load comes after", 3, {}, [
    ...["boot 1", "predicted 1", "sustain", "boot 2", "predicted 2", "close", "lend"],
  ]],
  ["with an error to reach nobody knows which shots are the last", 4, {
    ...{ sustainS: 0, adaptive: { error: 0.99 } },
  }, ONE_BY_ONE],
  ["a budget counts a boot to its degree", 4, { sustainS: 0, budget: 1000 }, ONE_BY_ONE],
  ["without predictions there is no such while", 4, ALL, ["boot 1", "boot 2", "close", "lend"]],
];
for (const [what, cores, input, order] of CASES) {
  Deno.test(`while the last rows are predicted: ${what}`, async () => {
    assert.deepEqual(
      (await orderOf(cores, input)).filter((each, at, all) => all.indexOf(each) === at),
      order,
    );
  });
}

Deno.test("an engine that cannot boot while rows are predicted leaves these, and is told then", () =>
  withFolder(async (perfDir) => {
    const harness = fakeHarness();
    const seen: string[] = [];
    const open = (): Promise<Harness> =>
      Promise.resolve({
        ...harness,
        boot: (request) =>
          request.tp === 1 ? harness.boot(request) : Promise.reject(new Error("no room for tp 2")),
      });
    Object.defineProperty(navigator, "hardwareConcurrency", { value: 4, configurable: true });
    await assert.rejects(
      profile({ ...PART, perfDir, sustainS: 0 }, { open, onEvent: ({ type }) => void seen.push(type) }),
      /no room for tp 2/,
    );
    assert.deepEqual(seen.slice(-3), ["estimated", "sweep-finished", "booting"]);
  }));

Deno.test("who leaves while an engine boots ends its harness, and no other takes its place", () =>
  withFolder(async (perfDir) => {
    let [opened, ended] = [0, 0];
    const open = (): Promise<Harness> => {
      opened++;
      const harness = fakeHarness();
      const { promise, reject } = Promise.withResolvers<never>();
      promise.catch(() => {});
      return Promise.resolve({
        ...harness,
        boot: (request, { signal } = {}) => {
          if (request.tp === 1) return harness.boot(request);
          signal!.addEventListener("abort", () => reject(signal!.reason));
          return promise;
        },
        async close(): Promise<void> {
          await harness.close();
          ended++;
        },
      });
    };
    Object.defineProperty(navigator, "hardwareConcurrency", { value: 4, configurable: true });
    const onEvent = ({ type }: { type: string }): void => {
      if (type === "estimated") throw new Error("enough");
    };
    await assert.rejects(profile({ ...PART, perfDir, sustainS: 0 }, { open, onEvent }), /enough/);
    assert.deepEqual([opened, ended], [1, 1]);
  }));
