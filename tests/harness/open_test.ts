import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { harnessCommand, openHarness, type OpenHarnessOptions } from "../../src/harness/open.ts";
import { vllmArgv } from "../../src/harness/vllm.ts";
import { bootRequest, fireAll, withFolder } from "./toy.ts";

const worker = fileURLToPath(new URL("fakes/worker.ts", import.meta.url));
const known = "expected vllm, ray[:<address>], roofline:<hardware>, replay:<bundle> or cmd:<command>";

const refused: [string, OpenHarnessOptions, string][] = [
  ["vlm", {}, `Cannot open the harness 'vlm': ${known}`],
  ["roofline", {}, `Cannot open the harness 'roofline': ${known}`],
  ["vllm:x", {}, `Cannot open the harness 'vllm:x': ${known}`],
  ["toString:x", {}, `Cannot open the harness 'toString:x': ${known}`],
  ["cmd:", {}, `Cannot open the harness 'cmd:': ${known}`],
  ["cmd:  ", {}, "Cannot start a harness: its command must name a program, got none"],
  ["cmd:python 'x", {}, "Cannot read the harness command: a quote is not closed in python 'x"],
  [
    "roofline:H100",
    { transport: ["ssh", "gpu1"] },
    "Cannot open the harness 'roofline:H100' with transport (--transport): it runs in this process; leave it out",
  ],
  [
    "replay:x",
    { devices: [0] },
    "Cannot open the harness 'replay:x' with devices (--devices): it runs in this process; leave it out",
  ],
  ["replay:x?delay=5", {}, "Cannot open the replay: expected delay_ms, noise or fail, got 'delay'"],
  ["replay:x?noise=", {}, "Cannot open the replay: noise must be a number, got ''"],
  ["replay:?noise=much", {}, "Cannot open the replay: noise must be a number, got 'much'"],
  ["replay:x?y?fail=a", {}, "Cannot open the replay: fail must be a number, got 'a'"],
  ["replay:x?delay_ms=-1", {}, "Cannot replay: delayMs must be 0 or more, got -1"],
  ["replay:x?noise=-0.5", {}, "Cannot replay: noise must be 0 or more, got -0.5"],
  ["replay:x?fail=1.5", {}, "Cannot replay: fail must be a share from 0 to 1, got 1.5"],
  [":x", {}, `Cannot open the harness ':x': ${known}`],
  ["", {}, `Cannot open the harness '': ${known}`],
  ["replay:x?noise=much", {}, "Cannot open the replay: noise must be a number, got 'much'"],
  [
    "roofline:B9000",
    {},
    "Cannot estimate for the hardware 'B9000': configs/hardware has A100, EPYC-2CORE, H100, H200, RTX4090, RTXPRO6000; " +
    "choose one or add B9000.yaml",
  ],
];
for (const [spec, options, message] of refused) {
  Deno.test(`openHarness refuses ${spec} ${JSON.stringify(options)}`, async () => {
    await assert.rejects(openHarness(spec, options), { message });
  });
}

Deno.test("openHarness starts a command through a transport, with the devices that it may see", async () => {
  const logs: string[] = [];
  const spec =
    `cmd:sh -c 'echo "$CUDA_VISIBLE_DEVICES $WHERE" >&2; exec "$@"' sh '${Deno.execPath()}' run --no-check -A "${worker}"`;
  await using harness = await openHarness(spec, {
    transport: ["env", "WHERE=there"],
    devices: [0, 2],
    onLog: (line) => logs.push(line),
  });
  assert.equal(harness.info.harness, "fake");
  assert.deepEqual(logs, ["0,2 there"]);
});

Deno.test("openHarness reads a replay's options", () =>
  withFolder({
    "meta.yaml": "hardware: BOX\n",
    "tp1/attention.csv": "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n16,0,0,0,9.5\n0,0,1,16,8\n",
  }, async (dir) => {
    await using harness = await openHarness(`replay:${dir}?delay_ms=1&fail=attention:1:0,0,1,16`);
    await harness.boot(bootRequest);
    const shot = { category: "attention", tp: 1, kv_prefill: 0 } as const;
    const outcomes = await fireAll(harness, [
      { ...shot, prefill_chunk: 16, n_decode: 0, kv_decode: 0 },
      { ...shot, prefill_chunk: 0, n_decode: 1, kv_decode: 16 },
    ]);
    assert.deepEqual(outcomes, [
      { status: "measured", index: 0, samples: { attn: [9.5, 9.5, 9.5] } },
      {
        status: "failed",
        index: 1,
        kind: "out_of_memory",
        message: "The replay is to fail attention:1:0,0,1,16",
      },
    ]);
  }));

Deno.test("Ray is given the cluster's address, and chooses the device", async () => {
  const transport = ["ssh", "head"];
  for (const [spec, more] of [["ray", []], ["ray:gpu1:6379", ["--address", "gpu1:6379"]]] as const) {
    const { name, argv } = await harnessCommand(spec, { transport, devices: [1] });
    assert.equal(name, "ray");
    assert.deepEqual(argv, [...transport, "python3", "harness/ray/driver.py", ...more]);
  }
});

Deno.test("vllmArgv is python3 in a copy of the project when it runs elsewhere", async () => {
  assert.deepEqual(await vllmArgv(true), ["python3", "harness/vllm/worker.py"]);
});

Deno.test("vllmArgv takes SHOTLAB_PYTHON, and says how to get a Python that is not there", async () => {
  const before = Deno.env.get("SHOTLAB_PYTHON");
  try {
    Deno.env.set("SHOTLAB_PYTHON", Deno.execPath());
    const worker = fileURLToPath(new URL("../../harness/vllm/worker.py", import.meta.url));
    assert.deepEqual(await vllmArgv(false), [Deno.execPath(), worker]);
    Deno.env.set("SHOTLAB_PYTHON", "/nowhere/python");
    await assert.rejects(vllmArgv(false), {
      name: "UsageError",
      message:
        "Cannot start the vllm harness: there is no Python at /nowhere/python; correct or unset SHOTLAB_PYTHON",
    });
  } finally {
    if (before === undefined) Deno.env.delete("SHOTLAB_PYTHON");
    else Deno.env.set("SHOTLAB_PYTHON", before);
  }
});
