/** An architecture file in the form of v1.2, dropped into the folder of the others, serves every command. */
import assert from "node:assert/strict";
import { loadArchitecture } from "../../../src/model/architecture.ts";
import { formatBlocks } from "../../../src/model/format_architecture.ts";
import { withFolder } from "../../run/tiny_run.ts";
import { runMain } from "../run_main.ts";

Deno.test("a file with blocks and without the groups that it has no use for: planned, measured, predicted, exported", () =>
  withFolder(async (dir) => {
    const configs = `${dir}/configs`;
    for (const folder of ["architecture", "model/Qwen", "hardware"]) {
      await Deno.mkdir(`${configs}/${folder}`, { recursive: true });
    }
    await Deno.copyFile("configs/model/Qwen/Qwen3-0.6B.json", `${configs}/model/Qwen/Qwen3-0.6B.json`);
    await Deno.copyFile("configs/hardware/H100.yaml", `${configs}/hardware/H100.yaml`);
    const whole = formatBlocks(await loadArchitecture("qwen3", "configs"), ["qwen3", "qwen3_moe"]);
    const text = whole.replace(/\n {2}moe: \{\}/, "").replace(/\n {4}moe: \[\]/, "");
    assert.notEqual(text, whole);
    await Deno.writeTextFile(`${configs}/architecture/family.yaml`, text);

    const own = ["--config-dir", configs];
    const what = ["--model", "Qwen/Qwen3-0.6B", "--hardware", "H100", "--tp-degrees", "1", ...own];
    const grid = ["--max-num-batched-tokens", "32", "--max-num-seqs", "4", "--attention-max-kv", "64"];
    const run = async (...args: string[]): Promise<string> => {
      const { status, out, err } = await runMain(args);
      assert.equal(status, 0, `${args.join(" ")}: ${err}${out}`);
      return out;
    };
    const limits = `${dir}/limits.json`;
    await run("limits", ...what, ...grid.slice(0, 4), "--out", limits);
    await run("plan", ...what, ...grid, "--limits", limits, "--out", `${dir}/plan.jsonl`);
    await run("profile", ...what, ...grid, "--harness", "roofline:H100", "--perf-dir", `${dir}/perf`);
    const bundle = `${dir}/perf/H100/Qwen/Qwen3-0.6B/bf16`;
    assert.match(await Deno.readTextFile(`${bundle}/meta.yaml`), /\narchitecture: family\n/);
    const query = {
      kind: "iteration",
      tp: 1,
      ep: 1,
      model: "Qwen/Qwen3-0.6B",
      prefills: [[8, 0]],
      decodes: [[32, 2]],
    };
    await Deno.writeTextFile(`${dir}/q.jsonl`, JSON.stringify(query));
    for (const simulator of ["august", "v1.2"]) {
      await run("validate", bundle, "--simulator", simulator, ...own);
      const out = await run(
        "predict",
        bundle,
        "--queries",
        `${dir}/q.jsonl`,
        "--simulator",
        simulator,
        ...own,
      );
      assert.equal(JSON.parse(out).layers.qk_norm.times, 28);
      await run("export", bundle, "--simulator", simulator, "--to", `${dir}/for-${simulator}`, ...own);
    }
  }));
