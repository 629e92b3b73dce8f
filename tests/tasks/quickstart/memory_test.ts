import assert from "node:assert/strict";
import { refuseLittleMemory } from "../../../tasks/quickstart/memory.ts";

const GIB = 2 ** 30;
const V2 = "/sys/fs/cgroup";
const V1 = "/sys/fs/cgroup/memory";
const GROUP = "/proc/self/cgroup";
const ENOUGH: Record<string, [totalGib: number, files: Record<string, string>]> = {
  "a machine of 8 GiB, of which the kernel keeps a part": [7.6, {}],
  "a container without a limit": [16, { [GROUP]: "0::/\n", [`${V2}/memory.max`]: "max\n" }],
  "a container without a limit, by the first version of control groups": [
    16,
    { [GROUP]: "4:memory:/docker/a\n", [`${V1}/memory.limit_in_bytes`]: "9223372036854771712\n" },
  ],
  "a container of 8 GiB": [64, { [GROUP]: "0::/\n", [`${V2}/memory.max`]: `${8 * GIB}\n` }],
};
for (const [what, [totalGib, files]] of Object.entries(ENOUGH)) {
  Deno.test(`refuseLittleMemory lets pass ${what}`, () => {
    refuseLittleMemory({ total: () => totalGib * GIB, text: (path) => files[path] ?? null });
  });
}

const LITTLE: Record<string, [totalGib: number, files: Record<string, string>, shown: string]> = {
  "a machine of 4 GiB": [3.8, {}, "3.8"],
  "a container of 4 GiB": [64, { [GROUP]: "0::/\n", [`${V2}/memory.max`]: `${4 * GIB}\n` }, "4.0"],
  "a job of 4 GiB, whose step has no limit of its own": [
    64,
    {
      [GROUP]: "0::/slurm/job_7/step_0\n",
      [`${V2}/slurm/job_7/memory.max`]: `${4 * GIB}\n`,
      [`${V2}/slurm/job_7/step_0/memory.max`]: "max\n",
    },
    "4.0",
  ],
  "a container of 6 GiB, by the first version of control groups": [
    64,
    {
      [GROUP]: "5:cpu,cpuacct:/docker/a\n4:memory:/docker/a\n",
      [`${V1}/memory.limit_in_bytes`]: `${6 * GIB}\n`,
    },
    "6.0",
  ],
};
for (const [what, [totalGib, files, shown]] of Object.entries(LITTLE)) {
  Deno.test(`refuseLittleMemory refuses ${what}`, () => {
    const reader = { total: () => totalGib * GIB, text: (path: string) => files[path] ?? null };
    assert.throws(() => refuseLittleMemory(reader), {
      name: "UsageError",
      message:
        `Cannot run vLLM here: it needs a machine, container or job with 8 GiB of memory, this one has ${shown} GiB; ` +
        "use a larger one, or estimate: deno task quickstart --harness roofline:H100",
    });
  });
}
