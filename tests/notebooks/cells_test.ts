import assert from "node:assert/strict";
import { type Cell, moduleOf, notebookNames, NOTEBOOKS, readCells } from "./cells.ts";

const NAMES = notebookNames();

Deno.test("the notebooks are the six of the tour", () => {
  assert.deepEqual(NAMES, [
    "01-quickstart.ipynb",
    "02-new-hardware.ipynb",
    "03-analyse-a-bundle.ipynb",
    "04-skew-and-alpha.ipynb",
    "05-compare.ipynb",
    "06-capacity.ipynb",
  ]);
});

Deno.test("the notebooks' cells have no type errors", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const files = NAMES.map((name) => `${dir}/${name.replace(".ipynb", ".ts")}`);
    for (const [i, file] of files.entries()) {
      await Deno.writeTextFile(file, moduleOf(readCells(`${NOTEBOOKS}/${NAMES[i]}`)));
    }
    const args = ["check", "--quiet", "--config", "deno.json", ...files];
    const { success, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("no cell is a program: each fits a screen, and longer functions are the library's", () => {
  for (const name of NAMES) {
    for (const { cell_type, source } of readCells(`${NOTEBOOKS}/${name}`)) {
      if (cell_type !== "code") continue;
      const lines = [source].flat().join("").split("\n");
      assert.ok(lines.length <= 30, `${name}: ${lines.length} lines from ${lines[0]}`);
      for (const [from, line] of lines.entries()) {
        if (!/^(async )?function /.test(line)) continue;
        const length = lines.slice(from).findIndex((end) => end === "}") + 1;
        assert.ok(length <= 12, `${name}: ${length} lines of ${line}`);
      }
    }
  }
});

for (const name of NAMES) {
  Deno.test(`${name} is saved with its outputs, figures among them and no error`, () => {
    assertOutputs(readCells(`${NOTEBOOKS}/${name}`));
    assert.ok(Deno.statSync(`${NOTEBOOKS}/${name}`).size < 2_000_000);
  });
}

Deno.test("no saved table has a column without a value", () => {
  const texts = (html: string, tag: string): string[] =>
    [...html.matchAll(new RegExp(`<${tag}[^>]*>(.*?)</${tag}>`, "gs"))].map(([, inner]) => inner!);
  for (const name of NAMES) {
    const outputs = readCells(`${NOTEBOOKS}/${name}`).flatMap(({ outputs = [] }) => outputs);
    for (const { data = {} } of outputs) {
      const html = [data["text/html"] ?? ""].flat().join("");
      const rows = texts(html, "tr").map((row) => texts(row, "td")).filter(({ length }) => length > 1);
      if (rows.length < 2) continue; // a record may lack a value
      for (const [i, head] of texts(html, "th").entries()) {
        assert.ok(rows.some((row) => row[i] !== ""), `${name}: nothing under ${head}`);
      }
    }
  }
});

Deno.test("moduleOf takes code alone, and names each cell", () => {
  const cells = [
    { cell_type: "markdown", source: "# Title" },
    { cell_type: "code", source: ["const a = 1;\n", "a;"] },
    { cell_type: "code", source: "a + 1;" },
  ];
  assert.equal(moduleOf(cells), "// Cell 1\nconst a = 1;\na;\n\n// Cell 2\na + 1;\n\nexport {};\n");
});

function assertOutputs(cells: readonly Cell[]): void {
  const outputs = cells.flatMap(({ outputs = [] }) => outputs);
  assert.deepEqual(outputs.filter(({ output_type }) => output_type === "error"), []);
  const figures = outputs.filter(({ data = {} }) => "application/vnd.plotly.v1+json" in data);
  assert.ok(figures.length >= 3);
  assert.ok(figures.every(({ data = {} }) => "image/svg+xml" in data && "text/plain" in data));
}
