import assert from "node:assert/strict";
import { readCollectives } from "../../../src/bundle/collectives_file.ts";
import { runMain } from "../run_main.ts";

const FAKE = `cmd:"${Deno.execPath()}" run -A tests/run/fake_collectives.ts`;

async function withPerfDir(use: (perfDir: string) => Promise<void>): Promise<void> {
  const perfDir = await Deno.makeTempDir();
  try {
    await use(perfDir);
  } finally {
    await Deno.remove(perfDir, { recursive: true });
  }
}

const call = (perfDir: string, ...args: string[]): ReturnType<typeof runMain> =>
  runMain(["collectives", "--hardware", "made-up", "--perf-dir", perfDir, "--silent", ...args]);

Deno.test("collectives measures between two processes of this machine's processor", async () => {
  await withPerfDir(async (perfDir) => {
    const { status, out, err } = await call(
      perfDir,
      "--backend",
      "gloo",
      "--sizes",
      "4KiB,64KiB",
      "--trials",
      "3",
    );
    assert.equal(status, 0, err);
    const { head, samples } = (await readCollectives(`${perfDir}/made-up`))!;
    assert.deepEqual([head.backend, head.graphs, head.dtype], ["gloo", false, "bfloat16"]);
    assert.deepEqual(
      samples.map(({ ranks, way, collective, bytes, trials }) => [ranks, way, collective, bytes, trials]),
      [
        [2, "gloo", "all_reduce", 4096, 3],
        [2, "gloo", "all_reduce", 65536, 3],
        [2, "gloo", "all_gather", 4096, 3],
        [2, "gloo", "all_gather", 65536, 3],
        [2, "gloo", "reduce_scatter", 4096, 3],
        [2, "gloo", "reduce_scatter", 65536, 3],
      ],
    );
    assert.match(out, /called one after the other; median time of a call$/m);
    assert.deepEqual((await Array.fromAsync(Deno.readDir(`${perfDir}/made-up`))).map(({ name }) => name), [
      "collectives.csv",
    ]);
  });
});

Deno.test("collectives adds groups of devices to what is there, and says which failed", async () => {
  await withPerfDir(async (perfDir) => {
    const harness = ["--harness", FAKE, "--sizes", "4096,1MiB"];
    const first = await call(perfDir, ...harness, "--devices", "0,1");
    assert.equal(first.status, 0, first.err);
    assert.match(first.out, /^made-up, torch, bfloat16, in CUDA graphs; median time of a call$/m);
    assert.match(first.out, /^2 ranks, bytes +all_reduce vllm +all_reduce nccl +all_gather vllm/m);
    assert.match(first.out, /^As a link: [\d.]+ µs and [\d.]+ GiB\/s; off by [\d.]+% on average/m);
    const second = await call(perfDir, ...harness.with(1, `${FAKE} --fail-group`), "--devices", "0,1,2,3");
    assert.equal(second.status, 1);
    assert.equal(second.err, "vllm, 4 ranks: rank 1 ended with status -9\n");
    const { samples } = (await readCollectives(`${perfDir}/made-up`))!;
    const groups = new Set(samples.map(({ ranks, way }) => `${ranks} ${way}`));
    assert.deepEqual([...groups], ["2 vllm", "2 nccl", "4 nccl"]);
  });
});

Deno.test("collectives keeps what came before a program died, and leaves no empty folder where it refused", async () => {
  await withPerfDir(async (perfDir) => {
    const devices = ["--devices", "0,1"];
    const refused = await call(perfDir, "--harness", `${FAKE} --refuse`, ...devices);
    assert.equal(refused.status, 2);
    assert.equal(
      refused.err,
      "error: Cannot measure collectives: NCCL needs GPUs and this machine has none\n",
    );
    assert.deepEqual(await Array.fromAsync(Deno.readDir(perfDir)), []);
    const early = await call(perfDir, "--harness", `${FAKE} --end-early`, ...devices);
    assert.equal(early.status, 1);
    assert.equal(
      early.err,
      "error: The program ended before it had measured all (status 3): the device is gone\n",
    );
    assert.equal((await readCollectives(`${perfDir}/made-up`))!.samples.length, 1);
  });
});

Deno.test("collectives is resumed after it ended early, killed within a line too", async () => {
  await withPerfDir(async (perfDir) => {
    const sizes = ["--devices", "0,1", "--sizes", "4096,8192"];
    const part = `${perfDir}/made-up/collectives.jsonl.part`;
    const samples = async (): Promise<number> =>
      (await readCollectives(`${perfDir}/made-up`))!.samples.length;
    for (const count of [1, 2]) {
      const early = await call(perfDir, "--harness", `${FAKE} --end-early`, ...sizes);
      assert.equal(early.status, 1);
      assert.equal(await samples(), count);
    }
    await Deno.writeTextFile(part, '{"type":"sample","ra', { append: true });
    const told = (await Deno.readTextFile(part)).split("\n").length - 1;
    const all = await call(perfDir, "--harness", FAKE, ...sizes);
    assert.equal(all.status, 0, all.err);
    assert.equal(await samples(), 2 * 3 * 2);
    assert.equal(told, 2 + 2); // two heads, two samples
    assert.deepEqual((await Array.fromAsync(Deno.readDir(`${perfDir}/made-up`))).map(({ name }) => name), [
      "collectives.csv",
    ]);
  });
});

Deno.test("collectives does not go on on another device", async () => {
  await withPerfDir(async (perfDir) => {
    const sizes = ["--devices", "0,1", "--sizes", "4096,8192"];
    await call(perfDir, "--harness", `${FAKE} --end-early`, ...sizes);
    const other = await call(perfDir, "--harness", `${FAKE} --other-driver`, ...sizes);
    assert.equal(other.status, 2);
    assert.match(
      other.err,
      /collectives\.jsonl\.part, line 3: its driver is 1, now it is 2; move the file away$/m,
    );
  });
});

Deno.test("collectives writes its job, and takes results of elsewhere", async () => {
  await withPerfDir(async (perfDir) => {
    const path = `${perfDir}/job.json`;
    const { status, out } = await call(perfDir, "--devices", "0,1,2,3", "--ranks", "4,2", "--job", path);
    assert.equal(status, 0);
    assert.match(out, /^The job is in .*: python3 harness\/vllm\/collectives\.py --job /);
    const job = JSON.parse(await Deno.readTextFile(path));
    assert.deepEqual([job.ranks, job.ways, job.trials], [[2, 4], ["torch", "vllm"], 5]);
    assert.deepEqual(job.sizes, Array.from({ length: 15 }, (_, at) => 4096 * 2 ** at));
    const program = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "tests/run/fake_collectives.ts"],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const writer = program.stdin.getWriter();
    await writer.write(new TextEncoder().encode(await Deno.readTextFile(path)));
    await writer.close();
    const results = `${perfDir}/results.jsonl`;
    await Deno.writeFile(results, (await program.output()).stdout);
    const taken = await call(perfDir, "--results", results);
    assert.equal(taken.status, 0, taken.err);
    assert.equal((await readCollectives(`${perfDir}/made-up`))!.samples.length, 2 * 2 * 3 * 15);
  });
});

const JOBS: [flags: string, job: object][] = [
  ["--devices 0,1", {}],
  ["--devices 0,1 --ways torch", { ways: ["torch"] }],
  ["--devices 0,1 --ways vllm", { ways: ["vllm"] }],
  ["--devices 0,1 --ways vllm,torch", { ways: ["vllm", "torch"] }],
  ["--devices 0,1 --sizes 4096,64KiB,3MiB", { sizes: [4096, 65_536, 3_145_728] }],
  ["--devices 0,1 --trials 7", { trials: 7 }],
  ["--devices 0,1 --boot-timeout-s 8 --shot-timeout-s 9", { boot_timeout_s: 8, size_timeout_s: 9 }],
  ["--backend gloo --ranks 3", { backend: "gloo", ways: ["torch"], ranks: [3] }],
];
for (const [flags, job] of JOBS) {
  Deno.test(`collectives ${flags}: the job`, () =>
    withPerfDir(async (perfDir) => {
      const path = `${perfDir}/job.json`;
      assert.deepEqual(await call(perfDir, ...flags.split(" "), "--job", path), {
        status: 0,
        out:
          `The job is in ${path}: python3 harness/vllm/collectives.py --job ${path} --out collectives.jsonl\n`,
        err: "",
      });
      assert.deepEqual(JSON.parse(await Deno.readTextFile(path)), {
        ...{ format: 1, backend: "nccl", ranks: [2], ways: ["torch", "vllm"], trials: 5 },
        ...{ boot_timeout_s: 600, size_timeout_s: 120 },
        collectives: ["all_reduce", "all_gather", "reduce_scatter"],
        sizes: Array.from({ length: 15 }, (_, at) => 4096 * 2 ** at),
        ...job,
      });
    }));
}

Deno.test("collectives cancelled says what is kept", () =>
  withPerfDir(async (perfDir) => {
    const { status, err } = await runMain(
      [
        "collectives",
        "--hardware",
        "made-up",
        "--perf-dir",
        perfDir,
        "--devices",
        "0,1",
        "--silent",
        "--harness",
        FAKE,
      ],
      {},
      AbortSignal.abort(),
    );
    assert.equal(status, 130);
    assert.equal(
      err,
      `Cancelled; what was measured by then is kept in ${perfDir}/made-up/collectives.csv; the same command measures ` +
        "the rest\n",
    );
  }));

Deno.test("collectives refuses what it cannot measure", async () => {
  await withPerfDir(async (perfDir) => {
    const table: [args: string[], message: RegExp][] = [
      [
        [],
        /at least two devices must be named, such as --devices 0,1, got none; on a machine without GPUs --backend gloo/,
      ],
      [["--devices", "0"], /at least two devices must be named, such as --devices 0,1, got 0;/],
      [["--devices", "0,1", "--ranks", "4"], /4 ranks need as many devices, named are 0,1$/m],
      [["--backend", "gloo", "--ranks", "1"], /ranks must be whole numbers from 2, got 1$/m],
      [["--backend", "gloo", "--sizes", "4097"], /sizes must be even numbers of bytes, got 4097$/m],
      [["--backend", "gloo", "--sizes", "4kb"], /Expected bytes, such as 4096, 64KiB or 1MiB\./],
      [["--backend", "gloo", "--ways", "mpi"], /Expected torch, vllm or torch,vllm\./],
      [["--ways", "torch,mpi"], /Expected torch, vllm or torch,vllm\./],
      [
        ["--backend", "gloo", "--harness", "roofline:H100"],
        /Cannot measure collectives with the harness 'roofline:H100': the program is vllm, or cmd:<command>/,
      ],
    ];
    for (const [args, message] of table) {
      const { status, err } = await call(perfDir, ...args);
      assert.equal(status, 2, `${args.join(" ")}: ${err}`);
      assert.match(err, message);
    }
  });
});
