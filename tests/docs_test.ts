/** What the pages show is run as it is written: scripts whole, commands as far as this machine has what they need. */
import assert from "node:assert/strict";
import { Command } from "commander";
import { COMMANDS } from "../src/cli/main.ts";
import { runMain } from "./cli/run_main.ts";

const PAGES = ["README.md", ...[...Deno.readDirSync("docs")].map(({ name }) => `docs/${name}`)]
  .filter((path) => path.endsWith(".md")).sort();

/** Commands that only read: they run. The others must have a name, arguments and flags that are there. */
const READING = ["validate", "diff", "coverage", "simulate", "recommend", "fits", "models", "hardware"];

interface Block {
  readonly page: string;
  readonly language: string;
  readonly text: string;
}

const blocks = PAGES.flatMap((page): Block[] =>
  [...Deno.readTextFileSync(page).matchAll(/^```(\w*)\n(.*?)^```/gms)]
    .map(([, language, text]) => ({ page, language: language!, text: text! }))
);

/** The examples of each help text, that of the program itself first. */
const helps = await Promise.all(
  [[], ...COMMANDS.map(({ name }) => [name])].map(async (words): Promise<Block & { whole: string }> => {
    const { out } = await runMain([...words, "--help"]);
    const text = /^Examples?:\n((?: {2}.*\n)+)/m.exec(out)?.[1] ?? "";
    return {
      page: ["shotlab", ...words, "--help"].join(" "),
      language: "sh",
      text: text.replaceAll(/^ {2}/gm, ""),
      whole: out,
    };
  }),
);

Deno.test("every help text has an example of its command, in lines of 80 characters", () => {
  for (const help of helps) {
    const [, name] = help.page.split(" ");
    const found = calls(help);
    assert.ok(found.length > 0, help.page);
    for (const [called] of found) if (name !== "--help") assert.equal(called, name, help.page);
    for (const line of help.whole.split("\n")) assert.ok(line.length <= 80, `${help.page}: ${line}`);
  }
});

/** The words of each call of the command line in a block, placeholders such as `<model>` filled in. */
function calls({ text }: Block): string[][] {
  return text.replaceAll("\\\n", " ").split("\n").flatMap((line) => {
    const words = /^(?:\$ )?(?:deno task )?shotlab (.*?)(?:\s+#.*)?$/.exec(line)?.[1];
    if (words === undefined) return [];
    const filled = words.replaceAll("<model>", "meta-llama/Llama-3.1-8B").replaceAll("<hardware>", "H100");
    return [[...filled.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!)];
  });
}

/** What a block shows behind its `$ ` that a command prints. */
function shown({ text }: Block): string[] {
  return text.startsWith("$ ")
    ? text.split("\n").filter((line) => line !== "" && !line.startsWith("$ "))
    : [];
}

for (const block of [...blocks, ...helps]) {
  for (const args of calls(block)) {
    Deno.test(`${block.page}: shotlab ${args.join(" ")}`, async () => {
      const [name, ...rest] = args;
      if (READING.includes(name!)) {
        const { status, out, err } = await runMain(args);
        assert.equal(status, 0, err);
        for (const line of shown(block)) assert.ok(`\n${out}`.includes(`\n${line}\n`), `${line}\n\n${out}`);
        return;
      }
      const listed = COMMANDS.find((command) => command.name === name);
      assert.ok(listed, `there is no command ${name}`);
      let called = false;
      const command = new Command(name).exitOverride().configureOutput({ writeErr: () => {} });
      (await listed.load()).declare(command, () => {
        called = true;
        return Promise.resolve();
      });
      await command.parseAsync(rest, { from: "user" });
      assert.ok(called);
    });
  }
  if (block.language === "ts" && block.text.startsWith("import ")) {
    Deno.test(`${block.page}: ${block.text.split("\n")[0]}`, async () => {
      const file = await Deno.makeTempFile({ suffix: ".ts" });
      await Deno.writeTextFile(file, block.text);
      const { success, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--quiet", "--check", "--config", "deno.json", file],
      }).output();
      await Deno.remove(file);
      assert.ok(success, new TextDecoder().decode(stderr));
    });
  }
}

Deno.test("every file that a page links to is there", () => {
  for (const page of PAGES) {
    const folder = page.includes("/") ? "docs/" : "";
    for (const [, link] of Deno.readTextFileSync(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)) {
      assert.doesNotThrow(() => Deno.statSync(folder + link!), `${page}: ${link}`);
    }
  }
});
