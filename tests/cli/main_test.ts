import assert from "node:assert/strict";
import { Command } from "commander";
import { COMMANDS } from "../../src/cli/main.ts";
import { OPTIONS, SETTINGS } from "../../src/settings/table.ts";
import { VERSION } from "../../src/version.ts";
import { runMain, TINY } from "./run_main.ts";

const REQUIRED = ["--model", "Qwen/Qwen3-0.6B", "--hardware", "H100"];

Deno.test("shotlab: wrong use exits with 2 and says what is wrong in one or two lines", async () => {
  const cases: readonly (readonly [readonly string[], Record<string, string>, string])[] = [
    [["profile"], {}, "error: No model given: pass --model <org>/<name> or set MODEL\n"],
    [["profile"], { MODEL: "a/b" }, "error: No hardware given: pass --hardware <name> or set HARDWARE\n"],
    [
      ["profile", ...REQUIRED],
      { TP_DEGREES: "2,4" },
      "error: Cannot use TP_DEGREES=2,4: 1 must be among them, because layers that no degree changes are measured there\n",
    ],
    [
      ["profile", ...REQUIRED, "--attention-kv-factor", "1.0"],
      { ATTENTION_KV_FACTOR: "3" },
      "error: Cannot use --attention-kv-factor 1.0: expected a number above 1\n",
    ],
    [
      ["profile", ...REQUIRED, "--skip-skew"],
      { ONLY_SKEW: "1" },
      "error: Cannot use --skip-skew with ONLY_SKEW=1: one leaves out what the other asks for; turn one off\n",
    ],
    [
      ["profile", "--silent", "--verbose"],
      {},
      "error: option '--silent' cannot be used with option '--verbose'\n",
    ],
    [["profile", "--modl", "a/b"], {}, "error: unknown option '--modl'\n(Did you mean --model?)\n"],
    [["profil"], {}, "error: unknown command 'profil'\n(Did you mean profile?)\n"],
    [
      ["profile", "a/b"],
      {},
      "error: too many arguments for 'profile'. Expected 0 arguments but got 1: a/b.\n",
    ],
    [["refresh", ...REQUIRED], {}, "error: required option '--tp <n>' not specified\n"],
    [
      ["refresh", ...REQUIRED, "--tp", "0", "--category", "dense"],
      {},
      "error: option '--tp <n>' argument '0' is invalid. Expected an integer of at least 1.\n",
    ],
    [
      ["refresh", ...REQUIRED, "--tp", "1", "--category", "skewed"],
      {},
      "error: option '--category <name>' argument 'skewed' is invalid. " +
      "Allowed choices are dense, per_sequence, attention, linear_attention, moe, skew.\n",
    ],
    [["plan", ...REQUIRED], {}, "error: required option '--limits <file>' not specified\n"],
    [["validate"], {}, "error: missing required argument 'bundle'\n"],
    [["validate", "no such folder"], {}, "error: Cannot read no such folder: it does not exist\n"],
  ];
  for (const [args, env, err] of cases) {
    assert.deepEqual(await runMain(args, env), { status: 2, out: "", err });
  }
});

Deno.test("shotlab --version: prints the version", async () => {
  assert.deepEqual(await runMain(["--version"]), { status: 0, out: `${VERSION}\n`, err: "" });
});

Deno.test("shotlab --help: lists the commands; without a command it is wrong use", async () => {
  const { status, out, err } = await runMain(["--help"]);
  assert.deepEqual([status, err], [0, ""]);
  for (
    const command of [
      "profile",
      "profile-all",
      "refresh",
      "plan",
      "conformance",
      "fit",
      "predict",
      "validate",
    ]
  ) {
    assert.match(out, new RegExp(`^  ${command} `, "m"));
  }
  assert.deepEqual(await runMain([]), { status: 2, out: "", err: out });
});

Deno.test("shotlab --help: lists the arguments that each command declares", async () => {
  for (const { name, usage = "", load } of COMMANDS) {
    const command = new Command(name);
    (await load()).declare(command, () => Promise.resolve());
    assert.equal(command.usage(), `[options]${usage && ` ${usage}`}`, name);
    assert(command.options.length > 0 && command.description() !== "", name);
  }
});

Deno.test("shotlab profile --help: has every setting with its environment variable and default", async () => {
  const { out } = await runMain(["profile", "--help"]);
  for (const option of OPTIONS) assert(out.includes(`(${SETTINGS[option].env}`), option);
  for (
    const line of [
      /^Sweep:$/m,
      /^ {2}--tp-degrees <list> +Tensor-parallel degrees, 1 among them\n +\(TP_DEGREES, default 1,2,4\)$/m,
      /^ {2}--variant <name> +Name of the bundle's last folder\n +\(VARIANT, default from the two types\)$/m,
      /^ {2}--skip-skew +Leave the skew sweep out \(SKIP_SKEW\)$/m,
      /^--preset quick stands for\n {2}--tp-degrees 1,2\n(.*\n)* {2}--skip-skew$/m,
    ]
  ) assert.match(out, line);
  assert.doesNotMatch(out, /--no-skip-skew +/);
});

Deno.test("shotlab plan: writes the shots without an engine", async () => {
  const dir = await Deno.makeTempDir();
  const [limits, plan] = [`${dir}/limits.json`, `${dir}/plan.jsonl`];
  await Deno.writeTextFile(
    limits,
    `{"max_num_batched_tokens":2048,"max_num_seqs":256,"num_cache_tokens":4400000,"max_model_len":131072}`,
  );
  const args = ["plan", ...REQUIRED, "--tp-degrees", "1", "--parity", "--limits", limits, "--out", plan];
  assert.deepEqual(await runMain(args), {
    status: 0,
    out: "tp 1 dense: 152 shots\ntp 1 per_sequence: 40 shots\ntp 1 attention: 8,643 shots\n" +
      `tp 1 skew: 13,009 cases, 26,018 shots\nThe plan is in ${plan}\n`,
    err: "",
  });
  const lines = (await Deno.readTextFile(plan)).trimEnd().split("\n");
  assert.equal(lines.length, 1 + 152 + 40 + 8643 + 13_009);
  assert.equal(lines[1], '{"category":"dense","tp":1,"tokens":1}');

  const missing = await runMain([...args.slice(0, -3), `${dir}/none.json`, "--out", plan]);
  assert.equal(missing.status, 2);
  assert.match(missing.err, /^error: Cannot read .*none\.json: No such file .*\n$/);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("shotlab profile: makes a bundle, shows it, and says what to do next", async () => {
  const perfDir = await Deno.makeTempDir();
  const dir = `${perfDir}/H100/Qwen/Qwen3-0.6B/bf16`;
  const args = ["profile", ...TINY, "--harness", "roofline:H100", "--perf-dir", perfDir];
  const first = await runMain(args);
  assert.equal(first.status, 0, first.err);
  const shots = (await Deno.readTextFile(`${dir}/journal.jsonl`)).match(/"type":"shot"/g)!.length;
  assert.match(first.out, new RegExp(`^\nThe bundle is in ${dir}; ${shots} shots measured in [\\d.]+ s\n`));
  assert.match(
    first.out,
    /^Qwen\/Qwen3-0\.6B on H100, tp 1 \(of 1, 2\), microseconds \(quantity estimate\)$/m,
  );
  assert.match(first.out, /^tokens +1 +4 +16 +32$/m);
  assert.match(first.out, /^qkv_proj( +[\d.]+){4}$/m);
  assert(first.out.endsWith(`\nNext, check it:  deno task shotlab validate ${dir}\n`));
  assert.match(first.err, /^tp 2 attention: (\d+)\/\1/m);

  const again = await runMain(args);
  assert.match(again.out, /; 0 shots measured in /);
  assert.equal((await runMain([...args, "--silent"])).out, "");

  const refreshed = await runMain(["refresh", ...args.slice(1), "--tp", "1", "--category", "per_sequence"]
    .filter((arg, i, all) => arg !== "--tp-degrees" && all[i - 1] !== "--tp-degrees"));
  assert.match(refreshed.out, /; 2 shots measured in /);

  assert.deepEqual(await runMain(["validate", dir]), {
    status: 0,
    out: `${dir}: 0 errors, 0 warnings\n`,
    err: "",
  });
  assert.deepEqual(await runMain(["validate", dir, "--json"]), { status: 0, out: "[]\n", err: "" });
  await Deno.writeTextFile(`${dir}/tp1/dense.csv`, "layer,tokens,time_us\nqkv_proj,1,nan\n");
  const broken = await runMain(["validate", dir]);
  assert.equal(broken.status, 1);
  assert.match(broken.out, /^tp1\/dense\.csv:\n {2}error: row 2, column time_us: /m);
  const count = (severity: string): string => {
    const { length } = broken.out.match(new RegExp(`^ {2}${severity}: `, "gm")) ?? [];
    return `${length} ${severity}${length === 1 ? "" : "s"}`;
  };
  assert.ok(broken.out.endsWith(`${dir}: ${count("error")}, ${count("warning")}\n`), broken.out);
  await Deno.remove(perfDir, { recursive: true });
});

Deno.test("shotlab profile: exits with 1 when failed shots are left, and says how to fire them again", async () => {
  const perfDir = await Deno.makeTempDir();
  const flags = [...TINY, "--perf-dir", perfDir];
  await runMain(["profile", ...flags, "--harness", "roofline:H100"]);
  const recorded = `${perfDir}/H100/Qwen/Qwen3-0.6B/bf16`;
  const { status, err } = await runMain([
    ...["profile", ...flags, "--hardware", "COPY", "--harness", `replay:${recorded}?fail=1`],
  ]);
  assert.equal(status, 1);
  assert.match(err, /^Failed: dense tp 1 \(tokens 1\): /m);
  const copied = recorded.replace("/H100/", "/COPY/");
  const failed = (await Deno.readTextFile(`${copied}/journal.jsonl`)).match(/"type":"failed"/g)!.length;
  assert.ok(err.endsWith(`\n${failed} shots failed and have no row; --retry-failed fires them again\n`), err);
  await Deno.remove(perfDir, { recursive: true });
});

Deno.test("shotlab profile: cancelled before it starts, it exits with 130", async () => {
  const perfDir = await Deno.makeTempDir();
  const args = ["profile", ...TINY, "--harness", "roofline:H100", "--perf-dir", perfDir];
  assert.deepEqual(await runMain(args, {}, AbortSignal.abort()), {
    status: 130,
    out: "",
    err: "Cancelled; the same command resumes from what was measured\n",
  });
  await Deno.remove(perfDir, { recursive: true });
});

Deno.test("errors stand out where colours are seen, and nowhere else", async () => {
  const { main } = await import("../../src/cli/main.ts");
  const told = async (err: boolean): Promise<string> => {
    let text = "";
    const write = (more: string): void => void (text += more);
    const signal = new AbortController().signal;
    await main(["validate", "no such folder"], {
      out: write,
      err: write,
      errStream: null,
      env: {},
      signal,
      colors: { out: err, err },
    });
    return text;
  };
  assert.match(await told(true), /^.\[31merror:.\[39m Cannot read no such folder/);
  assert.match(await told(false), /^error: Cannot read no such folder/);
});

Deno.test("the help of every command holds 80 columns, examples left out", async () => {
  for (const { name } of COMMANDS) {
    const { out } = await runMain([name, "--help"]);
    const long = out.split("\n").filter((line) => line.length > 80 && !/^ {2}(\{|shotlab |deno )/.test(line));
    assert.deepEqual(long, [], name);
  }
});

Deno.test("an error says where it comes from when a flag or the environment asks for all that there is to tell", async () => {
  const said = async (flags: string[], env: Record<string, string>): Promise<boolean> => {
    const { status, err } = await runMain(["profile", "--model", "a/b", ...flags], env);
    assert.equal(status, 2);
    return /^error: No hardware given: .*\nUsageError: No hardware .*\n +at /.test(err);
  };
  assert.deepEqual(
    [
      await said(["--verbose"], {}),
      await said([], { VERBOSITY: "--verbose" }),
      await said([], { VERBOSITY: "--silent" }),
      await said([], {}),
    ],
    [true, true, false, false],
  );
});
