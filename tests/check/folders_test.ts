import assert from "node:assert/strict";
import type { BundleFiles } from "../../src/bundle/files.ts";
import { checkFolders } from "../../src/check/checks/folders.ts";

const filesOf = (folders: string[], tps: number[], populated: number[]): BundleFiles =>
  ({
    dir: "/b",
    folders,
    tps,
    tables: new Map(tps.map((tp) => [tp, populated.includes(tp) ? { dense: "layer,tokens,time_us\n" } : {}])),
  }) as unknown as BundleFiles;

const cases: [string, BundleFiles, number[] | undefined, string[]][] = [
  ["whole", filesOf(["tp1", "tp2"], [1, 2], [1, 2]), [1, 2], []],
  ["without meta.yaml's list", filesOf(["tp1"], [1], [1]), undefined, []],
  ["without a degree", filesOf([], [], []), undefined, ["tp-missing /b"]],
  ["with an empty folder", filesOf(["tp1", "tp2"], [1, 2], [1]), undefined, ["tp-empty /b/tp2"]],
];
for (const [what, files, degrees, expected] of cases) {
  Deno.test(`the folders of a bundle that is ${what}: ${expected.join() || "nothing"}`, () => {
    assert.deepEqual(checkFolders(files, degrees).map(({ code, path }) => `${code} ${path}`), expected);
  });
}
Deno.test("a folder whose name is nearly that of a degree is named by its path", () => {
  const issues = checkFolders(filesOf(["tp1", "tp02", "TP4", "notes"], [1], [1]), undefined);
  for (const { path } of issues) assert.match(path, /^\/b\/(tp02|TP4)$/);
});
