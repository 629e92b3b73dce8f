/** A folder of configurations that is not there is refused by every command that takes one. */
import assert from "node:assert/strict";
import { Command } from "commander";
import { COMMANDS } from "../../src/cli/main.ts";
import { requireConfigDir } from "../../src/config_dir.ts";
import { listModels } from "../../src/model/catalogue.ts";
import { withBundle } from "../bundle/with_bundle.ts";
import { runMain } from "./run_main.ts";

const rule =
  "there is no such folder; name one that has the folders model, architecture and hardware, or leave it " +
  "out to take the project's own";
/** What a command needs beside the folder. */
const NEEDED: Readonly<Record<string, string>> = {
  "refresh": "--tp 1 --category dense",
  "plan": "--limits l.json --out p.jsonl",
  "fit": "bundle",
  "export": "bundle --simulator august --to folder",
  "predict": "bundle --queries q.jsonl",
  "simulate": "bundle",
  "fits": "--model a/b --hardware H100",
  "recommend": "bundle",
  "serve-load": "--out s.jsonl",
  "validate": "bundle",
  "report": "bundle",
};

Deno.test("every command that takes --config-dir refuses a folder that is not there, and a file", () =>
  withBundle({ "file": "" }, async (dir) => {
    const taking: string[] = [];
    for (const { name, load } of COMMANDS) {
      const command = new Command(name);
      (await load()).declare(command, () => Promise.resolve());
      if (!command.options.some(({ long }) => long === "--config-dir")) continue;
      taking.push(name);
      const words = [name, ...NEEDED[name]?.split(" ") ?? []];
      for (const folder of [`${dir}/nowhere`, `${dir}/file`, ""]) {
        assert.deepEqual(
          await runMain([...words, "--config-dir", folder]),
          { status: 2, out: "", err: `error: Cannot use --config-dir ${folder}: ${rule}\n` },
          name,
        );
      }
    }
    const others = ["fire", "ingest", "diff", "coverage", "pack"];
    assert.deepEqual(taking, COMMANDS.map(({ name }) => name).filter((name) => !others.includes(name)));
  }));

Deno.test("a folder that the environment or a file of models names is refused alike", async () => {
  const limits = ["limits", "--model", "Qwen/Qwen3-0.6B", "--hardware", "H100"];
  const refused = (said: string): object => ({
    status: 2,
    out: "",
    err: `error: Cannot use ${said}: ${rule}\n`,
  });
  const env = { SHOTLAB_CONFIG_DIR: "nowhere" };
  assert.deepEqual(await runMain(limits, env), refused("SHOTLAB_CONFIG_DIR=nowhere"));
  assert.equal((await runMain(limits, { SHOTLAB_CONFIG_DIR: "" })).status, 0);
  assert.equal((await runMain([...limits, "--config-dir", "configs"], env)).status, 0, "the flag wins");
  assert.equal((await runMain(["models"], env)).status, 0, "it has no setting");
  assert.match((await runMain(["diff", "a", "b"], env)).err, /^error: Cannot read a: it does not exist\n$/);
  await withBundle(
    { "models.yaml": "hardware: H100\nconfigDir: nowhere\nmodels: [Qwen/Qwen3-0.6B]\n" },
    async (dir) => {
      const all = await runMain(["profile-all", "--file", `${dir}/models.yaml`]);
      assert.deepEqual(all, refused("configDir nowhere"));
    },
  );
});

Deno.test("the SDK refuses it where it would list nothing", async () => {
  const message = `Cannot use configDir nowhere: ${rule}`;
  await assert.rejects(listModels({ configDir: "nowhere" }), { name: "UsageError", message });
  await assert.rejects(requireConfigDir("nowhere"), { name: "UsageError", message });
  await requireConfigDir("configs");
});
