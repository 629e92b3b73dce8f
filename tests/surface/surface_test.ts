/** What is published: the entries of the package, and what each exports. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import deno from "../../deno.json" with { type: "json" };
import { ENTRIES } from "../../tasks/structure.ts";
import listed from "./exports.json" with { type: "json" };

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The names that an entry exports, and where the functions among them are written. */
async function exportsOf(path: string): Promise<{ names: string[]; sources: Map<string, string> }> {
  const text = await Deno.readTextFile(`${ROOT}${path}`);
  const sources = new Map<string, string>();
  const names = [...text.matchAll(/^export (type )?\{([^}]*)\} from "([^"]+)";$/gm)]
    .flatMap(([, types, what = "", from = ""]) =>
      what.split(",").map((name) => name.trim()).filter(Boolean).map((name) => {
        const own = name.replace(/^type /, "").replace(/^\w+ as /, "");
        const type = types !== undefined || name.startsWith("type ");
        if (!type) sources.set(own, from);
        return type ? `type ${own}` : own;
      })
    );
  return { names: names.sort(), sources };
}

Deno.test("the published names are those of tests/surface/exports.json, which a change of them must touch", async () => {
  const found = Object.fromEntries(
    await Promise.all(
      Object.entries(deno.exports).map(async ([entry, path]) => [entry, (await exportsOf(path)).names]),
    ),
  );
  assert.deepEqual(found, listed);
});

Deno.test("every entry is published, can be imported by the package's name, and is checked", () => {
  const imports: Record<string, string> = deno.imports;
  for (const [entry, path] of Object.entries(deno.exports)) {
    assert.equal(imports[entry.replace(/^\./, "shotlab")], path, entry);
  }
  assert.deepEqual(
    Object.values(deno.exports).map((path) => path.replace("./", "")).sort(),
    [...ENTRIES].sort(),
  );
});

Deno.test("each published function has an example that imports by the package's name", async () => {
  const lacking: string[] = [];
  for (const entry of ENTRIES) {
    for (const [name, path] of (await exportsOf(entry)).sources) {
      const text = await Deno.readTextFile(`${ROOT}${path}`);
      const at = text.search(new RegExp(`^export (async )?function\\*? ${name}\\b`, "m"));
      const documentation = text.slice(text.lastIndexOf("/**", at), at);
      const example = new RegExp(`@example[^]*import \\{[^}]*\\b${name}\\b[^}]*\\} from "shotlab[/a-z]*";`);
      if (at >= 0 && !example.test(documentation)) lacking.push(`${entry} ${name}`);
    }
  }
  assert.deepEqual(lacking, []);
});

Deno.test("a script in another folder imports every entry through the import map that docs/install.md names", async () => {
  const page = await Deno.readTextFile(`${ROOT}docs/install.md`);
  const config = /```json\n(\{ "importMap".*\})\n```/.exec(page)![1]!.replace("/path/to/shotlab/", ROOT);
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/deno.json`, config);
  const names = Object.keys(deno.exports).map((entry) => entry.replace(/^\./, "shotlab"));
  await Deno.writeTextFile(
    `${folder}/mine.ts`,
    names.map((name, i) => `import * as m${i} from "${name}";\n`).join("") +
      `console.log([${names.map((_, i) => `Object.keys(m${i}).length > 0`)}].every(Boolean));\n`,
  );
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-check", "mine.ts"],
    cwd: folder,
  }).output();
  const text = new TextDecoder();
  assert.equal(text.decode(stdout), "true\n", text.decode(stderr));
  await Deno.remove(folder, { recursive: true });
});
