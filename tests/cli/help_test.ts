/** Help: how wide it is, and which settings each command shows. */
import assert from "node:assert/strict";
import { Command } from "commander";
import { COMMANDS } from "../../src/cli/main.ts";
import { flagOf, type Group, GROUPS, OPTIONS, SETTINGS } from "../../src/settings/table.ts";
import { reachedCode, readSources, type Sources } from "./reached_code.ts";
import { runMain } from "./run_main.ts";

Deno.test("help fills a line of the terminal, 80 characters where there is none", async () => {
  const help = async (args: string[], columns?: number): Promise<string> => {
    const { out, err } = await runMain(args, columns ? { COLUMNS: `${columns}` } : {});
    return out + err;
  };
  for (const args of [["profile", "--help"], []]) {
    const usual = await help(args);
    assert.equal(usual, await help(args, 80));
    for (const columns of [79, 81, 160]) assert.notEqual(usual, await help(args, columns), `${columns}`);
  }
  const perfDir = async (columns: number): Promise<string> =>
    /--perf-dir[^]*?(?=\n {2}--)/.exec(await help(["models", "--help"], columns))![0];
  assert.equal(
    await perfDir(43),
    `--perf-dir <path>    Folder of the\n${" ".repeat(23)}bundles (default:\n${" ".repeat(23)}"perf")`,
  );
  // Less than 20 characters for words are none.
  assert.equal(await perfDir(42), '--perf-dir <path>    Folder of the bundles (default: "perf")');
});

const RUN_ONLY = ["force", "yes", "exactGrid", "retryFailed"];
const GRID = ["attentionMaxKv", "attentionChunkFactor", "attentionKvFactor", "attentionNFactor"];
const OF_A_RUN = ["force", "yes"];
const SERVED: [Group[], string[]] = [["What to measure", "Engine", "Files", "Run"], [
  ...["tpDegrees", "helloTimeoutS", "bootTimeoutS", "shotTimeoutS", ...RUN_ONLY],
]];
/** The groups of settings that each command shows, and what of them it has no use for. */
const SHOWN: Readonly<Record<string, [groups: readonly Group[], except: string[]]>> = {
  "profile": [GROUPS, []],
  "profile-all": [GROUPS, ["model"]],
  "refresh": [GROUPS, ["tpDegrees", "adaptive", "budget", "prior", ...OF_A_RUN, "retryFailed"]],
  "plan": [["What to measure", "Sweep", "Skew", "Measurement", "Files"], [
    ...["sentinelS", "sustainS", "driftShare", "acceptSpeed", "perfDir"],
  ]],
  "fire": [["Measurement", "Engine", "Run"], [
    ...["measurementIterations", "precision", "seed", "sustainShots", ...OF_A_RUN, "exactGrid"],
  ]],
  "ingest": [["What to measure", "Measurement", "Run", "Files"], [
    ...["model", "tpDegrees", "dtype", "kvCacheDtype", "variant", "revision"],
    ...["measurementIterations", "quantity", "clock", "precision", "seed"],
    ...["sentinelS", "sustainS", "sustainShots", ...RUN_ONLY, "configDir"],
  ]],
  "inspect": [["What to measure", "Engine", "Files", "Run"], [
    ...["hardware", "tpDegrees", "variant", "shotTimeoutS", "perfDir", "seed", ...RUN_ONLY],
    "allowMixed",
  ]],
  "limits": [["What to measure", "Sweep", "Files"], [
    ...["perfDir", "variant", "parity", "grid", ...GRID, "decodeQLens", "epDegrees", "denseStep"],
  ]],
  "conformance": [["Engine", "Run", "Files"], [...RUN_ONLY, "helloTimeoutS", "allowMixed", "perfDir"]],
  "collectives": [["What to measure", "Engine", "Files", "Run"], [
    ...["model", "tpDegrees", "dtype", "kvCacheDtype", "variant", "revision", "helloTimeoutS"],
    ...[...RUN_ONLY, "allowMixed"],
  ]],
  "steps": SERVED,
  "serve-load": [SERVED[0], [...SERVED[1], "allowMixed"]],
};
Deno.test("each command shows the settings that it has a use for, by group", async () => {
  for (const { name, load } of COMMANDS) {
    const command = new Command(name);
    (await load()).declare(command, () => Promise.resolve());
    const shown = command.options.filter(({ hidden, helpGroupHeading }) =>
      !hidden && GROUPS.includes(helpGroupHeading?.slice(0, -1) as Group)
    ).map(({ long, helpGroupHeading }) => `${helpGroupHeading} ${long}`);
    const [groups, except] = SHOWN[name] ?? [[], []];
    const expected = groups.flatMap((group) => [
      ...OPTIONS.filter((option) => SETTINGS[option].group === group && !except.includes(option)).flatMap((
        option,
      ) =>
        (option === "verbosity" ? ["--silent", "--verbose"] : [flagOf(option)]).map((flag) =>
          `${group}: ${flag}`
        )
      ),
      ...group === "Sweep" ? ["Sweep: --preset"] : [],
    ]);
    assert.deepEqual(shown, expected, name);
  }
});

/** What resolves the settings, and tells how far a run is, reads these for every command. */
const READ_FOR_ALL = ["preset", "silent", "verbose"];

/** The names in the code that a command may come to, and whether that writes plans: those from the table of settings. */
function namedBy(sources: Sources, command: string): { words: ReadonlySet<string>; plans: boolean } {
  const reached = reachedCode(sources, `src/cli/commands/${command.replaceAll("-", "_")}.ts`, "declare");
  const code = [...reached].filter(([place]) => !place.startsWith("src/settings/"));
  return {
    words: new Set(code.flatMap(([, text]) => text.match(/[A-Za-z_]\w*/g) ?? [])),
    plans: reached.has("src/settings/recorded.ts toPlanned"),
  };
}

Deno.test("each command has a use for every option that it shows: code that it comes to names it", async () => {
  const sources = await readSources();
  for (const { name, load } of COMMANDS) {
    const command = new Command(name);
    (await load()).declare(command, () => Promise.resolve());
    const { words, plans } = namedBy(sources, name);
    const planned: string[] = OPTIONS.filter((option) => plans && SETTINGS[option].plan !== undefined);
    const shown = command.options.filter(({ hidden }) => !hidden).map((option) => option.attributeName());
    const useless = shown.filter((option) =>
      !words.has(option) && !planned.includes(option) && !READ_FOR_ALL.includes(option)
    );
    assert.deepEqual(useless, [], name);
  }
});

Deno.test("code that a command does not come to names no option for it", async () => {
  const sources = await readSources();
  const named = ["inspect", "pack", "fire", "profile"].map((command) =>
    ["retryFailed", "sustainShots", "devices"].filter((option) => namedBy(sources, command).words.has(option))
  );
  assert.deepEqual(named, [
    ["devices"],
    [],
    ["retryFailed", "devices"],
    ["retryFailed", "sustainShots", "devices"],
  ]);
});

Deno.test("refresh takes the flags of a profile, those that play no role without a word", async () => {
  const [profile, refresh] = await Promise.all(["profile", "refresh"].map(async (name) => {
    const command = new Command(name);
    (await COMMANDS.find((one) => one.name === name)!.load()).declare(command, () => Promise.resolve());
    return command.options.map(({ long }) => long);
  }));
  const after = ["--steps", "--collectives"];
  assert.deepEqual(profile!.filter((flag) => !refresh!.includes(flag)), after);
  assert.deepEqual(refresh!.filter((flag) => !profile!.includes(flag)), ["--tp", "--category"]);
});
