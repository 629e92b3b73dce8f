/**
 * The folders of a bundle, checked.
 *
 * @module
 */
import { join } from "node:path";
import { type BundleFiles, populatedTps } from "../../bundle/files.ts";
import type { Issue } from "../../bundle/issue.ts";
import { tpOfFolder } from "../../bundle/layout.ts";

/**
 * Checks the folders of the tensor-parallel degrees, against meta.yaml too.
 *
 * @param files The bundle's files.
 * @param tpDegrees The degrees that meta.yaml names, undefined when it names none.
 * @returns What is wrong.
 */
export function checkFolders(files: BundleFiles, tpDegrees: readonly number[] | undefined): Issue[] {
  const { dir, folders, tps } = files;
  const issues = folders.flatMap((name) => nameIssues(join(dir, name), name));
  if (tps.length === 0) {
    issues.push({
      code: "tp-missing",
      severity: "error",
      path: dir,
      message: "There is no folder of a tensor-parallel degree",
      expected: "tp1",
    });
  }
  const populated = populatedTps(files);
  for (const tp of tps.filter((tp) => !populated.includes(tp))) {
    issues.push({
      code: "tp-empty",
      severity: "error",
      path: join(dir, `tp${tp}`),
      message: "The folder makes a degree available that has no table",
      expected: "tables, or no folder",
    });
  }
  return tpDegrees === undefined ? issues : [...issues, ...degreeIssues(files, tpDegrees)];
}

function nameIssues(path: string, name: string): Issue[] {
  if (!name.startsWith("tp") || tpOfFolder(name) !== null) return [];
  return /^tp\d+$/.test(name)
    ? [{
      code: "tp-name",
      severity: "error",
      path,
      message: `The folder is taken for tp${Number(name.slice(2))}`,
      expected: "tp<N>, N from 1 without leading zeros",
    }]
    : [{
      code: "tp-name",
      severity: "warning",
      path,
      message: "The folder is skipped",
      expected: "tp<N>",
    }];
}

function degreeIssues({ dir, tps }: BundleFiles, tpDegrees: readonly number[]): Issue[] {
  const missing = tpDegrees.filter((tp) => !tps.includes(tp)).map((tp): Issue => ({
    code: "tp-missing",
    severity: "error",
    path: join(dir, `tp${tp}`),
    message: "meta.yaml names this degree in tp_degrees, but the folder does not exist",
  }));
  const unnamed = tps.filter((tp) => !tpDegrees.includes(tp)).map((tp): Issue => ({
    code: "tp-unnamed",
    severity: "warning",
    path: join(dir, `tp${tp}`),
    message: "meta.yaml does not name this degree in tp_degrees",
  }));
  return [...missing, ...unnamed];
}
