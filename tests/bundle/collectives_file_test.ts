import assert from "node:assert/strict";
import {
  type Collectives,
  type CollectiveSample,
  type CollectivesHead,
  formatCollectives,
  hardwareDirOf,
  joinCollectives,
  parseCollectives,
  parseCollectivesRun,
} from "../../src/bundle/collectives_file.ts";
import { UsageError } from "../../src/errors.ts";

const HEAD: CollectivesHead = {
  ...{ format: 1, backend: "nccl", device: "NVIDIA H200", driver: "580", runtime: "torch 2.11" },
  ...{ engine_version: "0.26.0", graphs: true, dtype: "bfloat16", at: "2026-11-29T00:00:00Z" },
  host: { processor: "made-up", cores: 16 },
};

function sample(bytes: number, us: number, more: Partial<CollectiveSample> = {}): CollectiveSample {
  const trials = { minUs: us - 1, maxUs: us + 1, trials: 5 };
  return { ranks: 2, way: "vllm", collective: "all_reduce", bytes, us, ...trials, ...more };
}

const MEASURED: Collectives = {
  head: HEAD,
  samples: [
    sample(4096, 10.25),
    sample(8192, 12),
    sample(4096, 9, { collective: "all_gather", way: "nccl" }),
  ],
};

Deno.test("collectives.csv is read as it was written, whatever the order of its lines", () => {
  const text = formatCollectives(MEASURED);
  assert.deepEqual(parseCollectives(text, "c"), MEASURED);
  const [head, columns, ...rows] = text.trimEnd().split("\n");
  assert.deepEqual(parseCollectives([head, columns, ...rows.reverse()].join("\r\n"), "c"), MEASURED);
});

Deno.test("an edited collectives.csv is refused with file, line and rule", () => {
  const text = formatCollectives(MEASURED);
  const table: [from: string, to: string, message: string][] = [
    ["# {", "{", "line 1: it must be '# ' and who measured as JSON"],
    [
      '"backend":"nccl"',
      '"backend":"mpi"',
      'line 1: backend must be nccl or gloo, got "mpi"',
    ],
    [
      "ranks,way",
      "way,ranks",
      "line 2: the columns must be ranks,way,collective,bytes,us,min_us,max_us,trials",
    ],
    [
      "2,vllm,all_reduce,4096",
      "1,vllm,all_reduce,4096",
      "line 3: ranks must be a whole number from 2, got 1",
    ],
    ["2,vllm,all_reduce,4096", "2,mpi,all_reduce,4096", "line 3: way must be vllm, nccl, gloo, got mpi"],
    [
      "all_reduce,4096",
      "reduce,4096",
      "line 3: collective must be all_reduce, all_gather, reduce_scatter, got reduce",
    ],
    ["4096,10.25", "0,10.25", "line 3: bytes must be a whole number from 1, got 0"],
    ["13,5", "13,0", "line 4: trials must be a whole number from 1, got 0"],
    ["4096,10.25", "4096,9", "line 3: us must lie between min_us and max_us, got 9"],
    ["4096,10.25", "4096.5,10.25", "line 3: bytes must be a whole number from 1, got 4096.5"],
    ["4096,10.25", "4096,nan", "line 3: us must be above 0, got nan"],
    ["4096,10.25", "4096,-1", "line 3: us must be above 0, got -1"],
    ["4096,10.25", "4096,99", "line 3: us must lie between min_us and max_us, got 99"],
    ["8192,12,11,13,5", "8192,12,11,13", "line 4: expected 8 cells"],
    ["all_reduce,8192", "all_reduce,4096", "line 4: 2 vllm all_reduce 4,096 bytes is there twice"],
  ];
  for (const [from, to, message] of table) {
    assert.ok(text.includes(from), from);
    assert.throws(() => parseCollectives(text.replace(from, to), "c.csv"), (error) => {
      assert.ok(error instanceof UsageError);
      assert.equal(error.message, `Cannot read c.csv, ${message}`);
      return true;
    });
  }
});

const LINE =
  '{"type":"sample","ranks":2,"way":"vllm","collective":"all_reduce","bytes":4096,"us":2,"trials_us":[1,2,9]}';

Deno.test("what the program told is read up to a line that is cut", () => {
  const { format, ...head } = HEAD;
  const text = [JSON.stringify({ type: "collectives", format, ...head }), LINE].join("\n");
  const one = {
    ranks: 2,
    way: "vllm",
    collective: "all_reduce",
    bytes: 4096,
    us: 2,
    minUs: 1,
    maxUs: 9,
    trials: 3,
  };
  const failed = [{ name: "vllm, 4 ranks", message: "rank 1 ended" }];
  const told = `${text}\n${JSON.stringify({ type: "failed", ...failed[0] })}\n{"type":"done","seconds":1}\n`;
  assert.deepEqual(parseCollectivesRun(told, "r"), { head: HEAD, samples: [one], failed, whole: true });
  assert.deepEqual(parseCollectivesRun(`${text}\n${LINE.slice(0, 40)}`, "r"), {
    ...{ head: HEAD, samples: [one], failed: [], whole: false },
  });
  for (
    const [from, to, rule] of [
      ['"us":2', '"us":3', "us must be the median of trials_us, got 3"],
      ['"us":2', '"us":-2', "us must be a number of microseconds above 0, got -2"],
      ['"ranks":2', '"ranks":1', "ranks must be a whole number from 2, got 1"],
      ['"bytes":4096', '"bytes":0', "bytes must be a whole number from 1, got 0"],
    ] as const
  ) {
    assert.throws(() => parseCollectivesRun(text.replace(from, to), "r"), {
      message: `Cannot read r, line 2: ${rule}`,
    });
  }
});

Deno.test("sizes that are measured again replace what was there; another device's are refused", () => {
  const now = { head: { ...HEAD, at: "later" }, samples: [sample(8192, 20), sample(4096, 30, { ranks: 4 })] };
  const both = joinCollectives(MEASURED, now, "c");
  assert.equal(both.head.at, "later");
  assert.deepEqual(both.samples.map(({ ranks, collective, bytes, us }) => [ranks, collective, bytes, us]), [
    [2, "all_reduce", 4096, 10.25],
    [2, "all_reduce", 8192, 20],
    [2, "all_gather", 4096, 9],
    [4, "all_reduce", 4096, 30],
  ]);
  assert.throws(() => joinCollectives(MEASURED, { ...now, head: { ...HEAD, device: "H100" } }, "c.csv"), {
    message:
      "Cannot add to c.csv: its device is NVIDIA H200, now it is H100; move the file away, or name the " +
      "hardware otherwise",
  });
});

Deno.test("a bundle's hardware is three folders above it", () => {
  assert.equal(hardwareDirOf("perf/H200/org/name/bf16"), "perf/H200");
  assert.equal(hardwareDirOf("/a/perf/H200/org/name/bf16/"), "/a/perf/H200");
  assert.equal(hardwareDirOf("perf/H200/org/name/bf16//"), "perf/H200");
});

Deno.test("a time is the median of its trials to a thousandth; a file is more than its first line", () => {
  const told = (us: number): string =>
    `${JSON.stringify(HEAD)}\n${
      JSON.stringify({
        ...{ type: "sample", ranks: 2, way: "vllm", collective: "all_reduce", bytes: 4096 },
        ...{ us, trials_us: [us - 1, us - 1, us + 5] },
      })
    }\n`;
  assert.equal(parseCollectivesRun(told(1000), "r").samples.length, 1);
  assert.throws(() => parseCollectivesRun(told(999), "r"), /us must be the median of trials_us, got 999$/);
});

Deno.test("collectives.csv may have blank lines, one trial of a byte, and times that do not differ", () => {
  const least = sample(1, 2, { minUs: 2, maxUs: 2, trials: 1 });
  const text = formatCollectives({ head: HEAD, samples: [least] });
  assert.deepEqual(parseCollectives(`${text}\n`, "c").samples, [least]);
  assert.deepEqual(parseCollectives(text.replace(",trials\n", ",trials \n"), "c").samples, [least]);
  assert.deepEqual(parseCollectives(text.split("\n")[0]!, "c"), { head: HEAD, samples: [] });
  assert.equal(text.split("\n")[2], "2,vllm,all_reduce,1,2,2,2,1");
});

Deno.test("collectives.csv lists ranks, then ways, then collectives, then bytes", () => {
  const samples = ([
    [4, "vllm", "all_reduce", 1],
    [2, "nccl", "reduce_scatter", 1],
    [2, "nccl", "all_gather", 1],
    [2, "nccl", "all_reduce", 8],
    [2, "nccl", "all_reduce", 4],
    [2, "vllm", "reduce_scatter", 2],
  ] as const).map(([ranks, way, collective, bytes]) => sample(bytes, 2, { ranks, way, collective }));
  const lines = formatCollectives({ head: HEAD, samples }).split("\n").slice(2, -1);
  assert.deepEqual(lines.map((line) => line.split(",").slice(0, 4).join()), [
    ...["2,vllm,reduce_scatter,2", "2,nccl,all_reduce,4", "2,nccl,all_reduce,8", "2,nccl,all_gather,1"],
    ...["2,nccl,reduce_scatter,1", "4,vllm,all_reduce,1"],
  ]);
  assert.throws(
    () => parseCollectives(formatCollectives(MEASURED).replace("2,vllm,", "2,,"), "c.csv"),
    { message: "Cannot read c.csv, line 3: way must be vllm, nccl, gloo, got nothing" },
  );
});

Deno.test("a run that went on is read as one, with the last head and what failed since; another device's is refused", () => {
  const { format, ...head } = HEAD;
  const start = (more: object = {}): string =>
    JSON.stringify({ type: "collectives", format, ...head, ...more });
  const failed = JSON.stringify({ type: "failed", name: "vllm, 4 ranks", message: "rank 1 ended" });
  const done = '{"type":"done","seconds":1}';
  const one =
    '{"type":"sample","ranks":3,"way":"nccl","collective":"all_gather","bytes":1,"us":2,"trials_us":[2]}';
  const told = [start(), LINE, failed, done, start({ at: "later" }), one, ""].join("\n");
  const run = parseCollectivesRun(told, "r");
  assert.deepEqual([run.head, run.failed, run.whole], [{ ...HEAD, at: "later" }, [], false]);
  assert.deepEqual(run.samples.map(({ ranks, trials }) => [ranks, trials]), [[2, 3], [3, 1]]);
  assert.equal(parseCollectivesRun(`${told}${done}\n`, "r").whole, true);
  assert.throws(() => parseCollectivesRun([start(), LINE, start({ driver: "590" }), ""].join("\n"), "r"), {
    message: "Cannot read r, line 3: its driver is 580, now it is 590; move the file away",
  });
});
