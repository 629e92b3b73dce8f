import assert from "node:assert/strict";
import pl from "nodejs-polars";
import { escapeHtml, isDataFrame, tableHtml, tableText } from "../../src/view/table.ts";

Deno.test("tableHtml shows what the kernel's own display fails on: UInt64, structs, NaN, marks", () => {
  const frame = pl.DataFrame([
    pl.Series("u", [1, 2], pl.Int64).cast(pl.UInt64),
    pl.Series("s", ["<b>", null], pl.Utf8),
    pl.Series("f", [NaN, 1.5], pl.Float64),
  ]);
  const html = tableHtml(frame.withColumn(frame.select("u", "f").toStruct("st")));
  for (
    const text of [">1<", "&lt;b&gt;", ">NaN<", ">1.5<", "{&quot;u&quot;:&quot;2&quot;,&quot;f&quot;:1.5}"]
  ) {
    assert.ok(html.includes(text), `${text} in ${html}`);
  }
});

Deno.test("tableText aligns columns and shortens long tables in the middle", () => {
  const rows = Array.from({ length: 10 }, (_, i) => ({ tokens: 10 ** i, us: i / 3 }));
  assert.equal(
    tableText(rows, { rows: 4 }),
    [
      "    tokens     us",
      "         1      0",
      "        10  0.333",
      "       100  0.667",
      "… 6 more …",
      "1000000000      3",
    ].join("\n"),
  );
});

Deno.test("tables of records take the columns of all of them; empty ones say so", () => {
  assert.equal(tableText([{ a: 1 }, { b: 2n }]), "a  b\n1\n   2");
  assert.equal(tableText([]), "no rows");
  assert.equal(tableHtml([]), "<em>no rows</em>");
});

Deno.test("isDataFrame tells a data frame from all else", () => {
  assert.ok(isDataFrame(pl.DataFrame({ a: [1] })));
  assert.ok([null, undefined, 1, "text", [], { columns: [] }].every((value) => !isDataFrame(value)));
});

Deno.test("escapeHtml leaves no mark", () =>
  assert.equal(escapeHtml(`<a b="c">&'`), "&lt;a b=&quot;c&quot;&gt;&amp;&#39;"));
