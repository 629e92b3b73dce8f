import assert from "node:assert/strict";
import { multiprocessorsOf, sheetNames, sheetOf } from "../../src/roofline/hardware.ts";

const sheet = (device: string, multiprocessors: number): string =>
  `device: ${device}
memory_gib: 1
bandwidth_gb_s: 1
multiprocessors: ${multiprocessors}
l2_mib: 1
launch_us: 1
peak_tflops: { bfloat16: 1 }
`;

Deno.test("a device has the sheet with the longest name that it begins with", async () => {
  const dir = await Deno.makeTempDir();
  try {
    assert.deepEqual(await sheetNames(`${dir}/hardware`), []);
    await Deno.mkdir(`${dir}/hardware`);
    await Deno.writeTextFile(`${dir}/hardware/B.yaml`, sheet("Box 9", 9));
    await Deno.writeTextFile(`${dir}/hardware/A.yaml`, sheet("Box", 1));
    await Deno.writeTextFile(`${dir}/hardware/C.yaml`, sheet("Box 9 wide", 90));
    await Deno.writeTextFile(`${dir}/hardware/notes.txt`, "no sheet");
    assert.deepEqual(await sheetNames(`${dir}/hardware`), ["A", "B", "C"]);
    const devices = ["Box", "Box 9", "Box 9 narrow", "Box 9 wide (estimate)", "A Box", "Bo"];
    assert.deepEqual(
      await Promise.all(devices.map((device) => multiprocessorsOf(device, dir))),
      [1, 9, 9, 90, null, null],
    );
    assert.equal((await sheetOf("Box 9", dir))?.device, "Box 9");
    assert.equal(await sheetOf("Ball", dir), null);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a folder of sheets that cannot be listed is an error, not an empty one", async () => {
  const path = await Deno.makeTempFile();
  try {
    await assert.rejects(sheetNames(path), Deno.errors.NotADirectory);
  } finally {
    await Deno.remove(path);
  }
});
