import assert from "node:assert/strict";
import { glob } from "node:fs/promises";
import { basename } from "node:path";
import { partLine, PARTS } from "../../../tasks/test/parts.ts";

const THREE = [{ title: "one", usualS: 200 }, { title: "two", usualS: 100 }, { title: "three", usualS: 50 }];

Deno.test("a part begins with a line that says what is left, as fast as the parts before it were", () => {
  assert.equal(partLine(THREE, []), "[1/3] one: about 6 min left, if this machine is like two AVX2 cores");
  assert.equal(partLine(THREE, [100]), "[2/3] two: about 80 s left");
  assert.equal(partLine(THREE, [400, 500]), "[3/3] three: about 3 min left");
});

Deno.test("every test is in one part", () => {
  const apart = PARTS.flatMap(({ args }) => args.filter((arg) => arg.startsWith("tests/")));
  const ignored = PARTS[0]!.args.find((arg) => arg.startsWith("--ignore="))!.slice("--ignore=".length);
  assert.deepEqual(apart.sort(), ignored.split(",").sort());
});

/** What changes the whole process: its user, folder, file mode mask, or variables. */
const OF_THE_PROCESS = /\b(?:sete?[ug]id|chdir|umask)\b|\benv\.(?:set|delete)\b/;

Deno.test("a test that changes its process is run by itself", async () => {
  const texts = new Map<string, string>();
  for await (const path of glob("tests/**/*.ts")) texts.set(path, await Deno.readTextFile(path));
  texts.delete("tests/tasks/test/parts_test.ts");
  const changing = [...texts].filter(([, text]) => OF_THE_PROCESS.test(text)).map(([path]) => path);
  const users = (path: string): string[] =>
    path.endsWith("_test.ts")
      ? [path]
      : [...texts].filter(([, text]) => text.includes(`/${basename(path)}"`)).flatMap(([user]) =>
        users(user)
      );
  const apart = PARTS.flatMap(({ args }) => args.filter((arg) => arg.startsWith("tests/")));
  const beside = changing.flatMap(users).filter((path) => !apart.some((part) => path.startsWith(part)));
  assert.ok(changing.length > 0);
  assert.deepEqual(beside, []);
});
