import assert from "node:assert/strict";
import { findPython, type Run } from "../../../tasks/setup/python.ts";

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
