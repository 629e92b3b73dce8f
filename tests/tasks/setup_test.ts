import assert from "node:assert/strict";
import { findPython, type Run } from "../../tasks/python.ts";
import { explainPip } from "../../tasks/pip.ts";

const versions = (table: Record<string, string>): Run => ([program]) =>
  Promise.resolve(
    program! in table ? { success: true, stdout: `${table[program!]}\n`, stderr: "" } : null,
  );

Deno.test("findPython takes the first supported version", async () => {
  const cases: [Record<string, string>, string][] = [
    [{ "python3": "3.11" }, "python3"],
    [{ "python3": "3.9", "python3.13": "3.13" }, "python3.13"],
    [{ "python": "3.14", "python3": "2.7" }, "python"],
  ];
  for (const [table, expected] of cases) assert.equal(await findPython(versions(table)), expected);
});

Deno.test("findPython says what it found when nothing fits", async () => {
  const rule = "Cannot set up the engine: it needs Python 3.11 to 3.14, but ";
  const remedy = "; install one (for example: apt install python3 python3-venv) and run this again";
  await assert.rejects(findPython(versions({})), { message: `${rule}no python3 is on the PATH${remedy}` });
  await assert.rejects(findPython(versions({ "python3": "3.9", "python": "3.8" })), {
    message: `${rule}python3 is 3.9, python is 3.8${remedy}`,
  });
});

Deno.test("explainPip names the cause and the remedy", () => {
  const what = { title: "vLLM for the CPU", file: "r.txt" };
  const cases: [string, string][] = [
    [
      "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
      "the disk is full; free some space and run this again",
    ],
    [
      "WARNING: Retrying ... NewConnectionError('[Errno -3] Temporary failure in name resolution')\nERROR: No matching distribution found for x==1",
      "the package index cannot be reached; check the network or pip's configuration (pip config list) and run this again",
    ],
    [
      "ERROR: No matching distribution found for torch==2.13.0+cpu",
      "no index that pip knows has torch's CPU build; give it PyTorch's CPU index " +
      "(PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu) or a folder of wheels (PIP_FIND_LINKS) and run this again",
    ],
    [
      "note\nERROR: Cannot uninstall x\n",
      "pip says: ERROR: Cannot uninstall x",
    ],
  ];
  for (const [stderr, expected] of cases) {
    assert.equal(explainPip(stderr, what), `Cannot install vLLM for the CPU (r.txt): ${expected}`);
  }
});
