import assert from "node:assert/strict";
import { explainFailure, unpackedText } from "../../../tasks/setup/install.ts";

Deno.test("explainFailure names the cause and the remedy, whichever program installed", () => {
  const what = { title: "vLLM for the CPU", file: "r.txt" };
  const full = "the disk is full; free some space and run this again";
  const unreachable = "the package index cannot be reached; check the network or pip's configuration " +
    "(pip config list) and run this again";
  const noTorch =
    "no index that pip knows has torch's CPU build for this Python; give it PyTorch's CPU index " +
    "(PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu) or a folder of wheels (PIP_FIND_LINKS) and run this again";
  const cases: [string, string][] = [
    ["ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", full],
    ["  × Failed to download `torch==2.13.0+cpu`\n  ╰─▶ No space left on device (os error 28)", full],
    [
      "WARNING: Retrying ... NewConnectionError('[Errno -3] Temporary failure in name resolution')\nERROR: No matching distribution found for x==1",
      unreachable,
    ],
    [
      "error: Failed to fetch: `https://mirror.example/simple/x/`\n  Caused by: dns error: failed to lookup address",
      unreachable,
    ],
    ["ERROR: No matching distribution found for torch==2.13.0+cpu", noTorch],
    [
      "  × No solution found when resolving dependencies:\n  ╰─▶ Because there is no version of torch==2.13.0+cpu and you require",
      noTorch,
    ],
    ["  ╰─▶ Because torch==2.13.0+cpu has no wheels with a matching Python ABI tag", noTorch],
    ["note\nERROR: Cannot uninstall x\n", "the installer says: ERROR: Cannot uninstall x"],
  ];
  for (const [stderr, expected] of cases) {
    assert.equal(explainFailure(stderr, what), `Cannot install vLLM for the CPU (r.txt): ${expected}`);
  }
});

Deno.test("unpackedText tells bytes, files and seconds, and the size in the end where it is known", () => {
  assert.equal(unpackedText(1.234e9, 12_345, 2.8, 20_400), "1.23 of about 2.8 GB, 12,345 files, 20 s");
  assert.equal(unpackedText(1e7, 99, null, 900), "0.01 GB, 99 files, 1 s");
});
