/** Jobs that measure collectives, and what is kept of their answers. */
import assert from "node:assert/strict";
import { readCollectives } from "../../src/bundle/collectives_file.ts";
import {
  collectivesJob,
  type CollectivesPlan,
  measureCollectives,
} from "../../src/run/measure_collectives.ts";
import { withFolder } from "./tiny_run.ts";

const COLLECTIVES = ["all_reduce", "all_gather", "reduce_scatter"];

const jobs: [CollectivesPlan, Record<string, unknown>][] = [
  [{ devices: [0, 1] }, { backend: "nccl", ranks: [2], ways: ["torch", "vllm"] }],
  [{ devices: [4, 5, 6, 7], ranks: [4, 2, 4] }, { ranks: [2, 4] }],
  [{ ranks: [8] }, { backend: "nccl", ranks: [8] }],
  [{ backend: "gloo" }, { backend: "gloo", ranks: [2], ways: ["torch"] }],
  [{ backend: "gloo", ranks: [3], ways: ["vllm", "torch", "vllm"] }, {
    backend: "gloo",
    ranks: [3],
    ways: ["vllm", "torch"],
  }],
  [{ devices: [0, 1], sizes: [64, 2, 64], trials: 1 }, { sizes: [2, 64], trials: 1 }],
  [{ devices: [0, 1], bootTimeoutS: 7, sizeTimeoutS: 3 }, { boot_timeout_s: 7, size_timeout_s: 3 }],
];
for (const [plan, expected] of jobs) {
  Deno.test(`the job of ${JSON.stringify(plan)}`, () => {
    const job = JSON.parse(collectivesJob(plan));
    assert.deepEqual(job, { ...USUAL, ...expected });
  });
}
const USUAL = {
  ...{ format: 1, backend: "nccl", ranks: [2], ways: ["torch", "vllm"], collectives: COLLECTIVES, trials: 5 },
  ...{
    sizes: Array.from({ length: 15 }, (_, at) => 4096 * 2 ** at),
    boot_timeout_s: 600,
    size_timeout_s: 120,
  },
};

Deno.test("a job leaves out what was measured with as many trials", () => {
  const sample = {
    ranks: 2,
    way: "nccl",
    collective: "all_reduce",
    bytes: 64,
    us: 1,
    minUs: 1,
    maxUs: 1,
  } as const;
  const job = (trials: number[]): unknown =>
    JSON.parse(
      collectivesJob({ devices: [0, 1], trials: 3 }, trials.map((trials) => ({ ...sample, trials }))),
    ).done;
  assert.deepEqual([job([]), job([3, 5]), job([5])], [undefined, [[2, "nccl", "all_reduce", 64]], []]);
});

const devices = "at least two devices must be named, such as --devices 0,1, got";
const elsewhere = "on a machine without GPUs --backend gloo measures its processor";
const refused: [CollectivesPlan, string][] = [
  [{}, `${devices} none; ${elsewhere}`],
  [{ devices: [3] }, `${devices} 3; ${elsewhere}`],
  [{ ranks: [1], devices: [0, 1] }, "ranks must be whole numbers from 2, got 1"],
  [{ ranks: [2.5] }, "ranks must be whole numbers from 2, got 2.5"],
  [{ ranks: [] }, "ranks must be whole numbers from 2, got none"],
  [{ devices: [0, 1], sizes: [1] }, "sizes must be even numbers of bytes, got 1"],
  [{ devices: [0, 1], sizes: [4, 5] }, "sizes must be even numbers of bytes, got 5"],
  [{ devices: [0, 1], sizes: [] }, "sizes must be even numbers of bytes, got none"],
  [{ devices: [0, 1], trials: 0 }, "trials must be a whole number from 1, got 0"],
  [{ devices: [0, 1], ranks: [2, 3] }, "3 ranks need as many devices, named are 0,1"],
];
for (const [plan, rule] of refused) {
  Deno.test(`no job of ${JSON.stringify(plan)}: ${rule}`, () => {
    assert.throws(() => collectivesJob(plan), {
      name: "UsageError",
      message: `Cannot measure collectives: ${rule}`,
    });
  });
}

const FAKE = `cmd:"${Deno.execPath()}" run -A tests/run/fake_collectives.ts`;

Deno.test("collectives are kept beside others of their hardware, and a folder that cannot be there is refused", () =>
  withFolder(async (perfDir) => {
    const usual = { hardware: "BOX", perfDir, sizes: [4096], harness: FAKE };
    const { path, collectives, failed } = await measureCollectives({ ...usual, devices: [0, 1] });
    assert.deepEqual([path, failed], [`${perfDir}/BOX/collectives.csv`, []]);
    assert.equal(collectives.samples.length, 2 * 3);
    const more = await measureCollectives({ ...usual, harness: `${FAKE} --fail-group`, devices: [0, 1, 2] });
    assert.deepEqual(more.failed.map(({ name }) => name), ["vllm, 3 ranks"]);
    assert.deepEqual((await readCollectives(`${perfDir}/BOX`))?.samples.length, 2 * 3 + 3);
    assert.deepEqual([...Deno.readDirSync(`${perfDir}/BOX`)].map(({ name }) => name), ["collectives.csv"]);
    await Deno.writeTextFile(`${perfDir}/FILE`, "");
    await assert.rejects(
      measureCollectives({ ...usual, hardware: "FILE/BOX", devices: [0, 1] }),
      (error: Error) => {
        assert.equal(error.name, "UsageError");
        assert.ok(error.message.startsWith(`Cannot read ${perfDir}/FILE/BOX`), error.message);
        return true;
      },
    );
  }));
