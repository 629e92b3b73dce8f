import assert from "node:assert/strict";
import {
  circles,
  climbs,
  type Module,
  readModule,
  readModules,
  roomOf,
  ROOMS,
  structureFaults,
  unusedExports,
} from "../tasks/structure.ts";

const modules = await readModules();
const source = modules.filter(({ path }) => path.startsWith("src/"));

Deno.test("every file of src is in a room of the list, and every room of the list is there", () => {
  assert.deepEqual(new Set(source.map(({ path }) => roomOf(path))), new Set(ROOMS));
});

Deno.test("files import from rooms before their own and in no circle, and what they export is used", () => {
  assert.deepEqual(structureFaults(modules), []);
});

const FILES: readonly Module[] = [
  ["src/errors.ts", 'import type { Row } from "./files/a.ts";\nexport class Fault {}\n'],
  [
    "src/files/a.ts",
    'import { b, type B } from "./b.ts";\nexport interface Row {}\nexport interface Left {}\nexport interface Taken {}\nexport const a: Taken = b;\n',
  ],
  [
    "src/files/b.ts",
    'import type { Row } from "./a.ts";\nexport type B = Row;\nexport function b(): void {}\n',
  ],
  ["src/files/c.ts", 'export * as d from "./d.ts";\nexport const c = 1;\n'],
  ["src/files/d.ts", 'const { c } = await import(\n  "./c.ts"\n);\nexport const d = c;\n'],
  [
    "src/elsewhere/e.ts",
    '/** ```ts\n * import { Fault } from "../errors.ts";\n * ``` */\nexport const e = 1;\n',
  ],
].map(([path, text]) => readModule(path!, text!));

Deno.test("the checks find an import against the order, a circle, and what nobody uses", () => {
  assert.deepEqual(FILES[1]!.imports, [{ from: "src/files/b.ts", typesOnly: false, names: ["b", "B"] }]);
  assert.deepEqual(FILES[1]!.lines, 5);
  assert.deepEqual(climbs(FILES), [{ path: "src/errors.ts", from: "src/files/a.ts" }]);
  assert.deepEqual(circles(FILES, false), [["src/files/c.ts", "src/files/d.ts"]]);
  assert.deepEqual(circles(FILES, true), [
    ["src/files/a.ts", "src/files/b.ts"],
    ["src/files/c.ts", "src/files/d.ts"],
  ]);
  assert.deepEqual(unusedExports(FILES).map(({ path, name }) => `${path} ${name}`), [
    "src/errors.ts Fault",
    "src/files/a.ts Left",
    "src/files/a.ts a",
    "src/files/d.ts d",
    "src/elsewhere/e.ts e",
  ]);
  assert.deepEqual(structureFaults(FILES.slice(1, 5)), [
    "src/files/c.ts, src/files/d.ts import each other in a circle",
    "src/files/a.ts exports Left, which no other module names",
    "src/files/a.ts exports a, which no other module names",
    "src/files/d.ts exports d, which no other module names",
  ]);
});
