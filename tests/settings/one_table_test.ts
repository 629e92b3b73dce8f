import assert from "node:assert/strict";
import { cp, symlink } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { resolveSettings } from "../../src/settings.ts";
import { fromPlanned, journalSettings, PLANNED_SHAPE, toPlanned } from "../../src/settings/recorded.ts";
import { OPTIONS, SETTINGS } from "../../src/settings/table.ts";
import { REQUIRED } from "./required.ts";

const settings = resolveSettings(REQUIRED);

Deno.test("the settings are documented alike for editors and for the command line", async () => {
  const table = await Deno.readTextFile(new URL("../../src/settings/table.ts", import.meta.url));
  for (const option of OPTIONS) {
    assert(table.includes(`  /** ${SETTINGS[option].doc}. */\n  ${option}: {`), option);
  }
});

Deno.test("the journal records the settings that shape a measurement and have a value", () => {
  assert.deepEqual(journalSettings(settings), {
    tpDegrees: [1, 2, 4],
    maxNumBatchedTokens: 2048,
    maxNumSeqs: 256,
    attentionMaxKv: 16384,
    attentionChunkFactor: 2,
    attentionKvFactor: 2,
    skewMode: "interpolated",
    skewNFactor: 2,
    skewPcFactor: 2,
    skewKpFactor: 2,
    skewKvsFactor: 2,
    measurementIterations: 3,
    parity: false,
    seed: 0,
    sentinelS: 30,
  });
  const said = {
    revision: "main",
    adaptive: { shots: 0.2 },
    budget: 60,
    prior: "perf/a",
    precision: { relative: 0.01, min: 3, max: 30 },
  };
  assert.deepEqual(journalSettings({ ...settings, ...said }), { ...journalSettings(settings), ...said });
  assert.deepEqual(
    Object.keys(journalSettings({ ...settings, skipSkew: true })).filter((name) => name.startsWith("skew")),
    [],
  );
});

Deno.test("a plan's record of settings gives them back, and is checked by the rule of each", () => {
  const recorded = toPlanned(settings);
  const schema = z.strictObject(PLANNED_SHAPE);
  assert.deepEqual(schema.parse(JSON.parse(JSON.stringify(recorded))), recorded);
  assert.deepEqual({ ...settings, ...fromPlanned(recorded) }, settings);
  for (
    const [name, value, message] of [
      ["max_num_seqs", 0, "expected an integer of at least 1"],
      ["max_num_seqs", undefined, "expected an integer of at least 1"],
      ["attention_kv_factor", 1, "expected a number above 1"],
      ["skew_mode", "exactly", "expected interpolated or exact"],
      ["parity", "1", "must be true or false"],
    ] as const
  ) {
    const { error } = schema.safeParse({ ...recorded, [name]: value });
    assert.deepEqual(error?.issues.map(({ path, message }) => [path, message]), [[[name], message]]);
  }
});

/** A setting that the table does not have. */
const ADDED = `
  /** Seconds without work before each shot. */
  coolDownS: {
    env: "SHOTLAB_COOL_DOWN_S",
    group: "Measurement",
    kind: numbers.interval,
    fallback: 0,
    doc: "Seconds without work before each shot",
    journal: true,
    plan: "optional",
  },
`;

/** Uses it in every way in which a setting is used; checked as TypeScript. */
const USES = `
import { z } from "zod";
import { resolveFlags, resolveSettings, type Settings } from "./src/settings.ts";
import { fromPlanned, journalSettings, PLANNED_SHAPE, type PlannedSettings, toPlanned } from "./src/settings/recorded.ts";
const required = { model: "a/b", hardware: "H100" };
const option: Settings = resolveSettings({ ...required, coolDownS: 2 });
const seconds: number = option.coolDownS;
const recorded: PlannedSettings & { cool_down_s: number } = toPlanned(option);
const { cool_down_s: _, ...older } = recorded;
console.log(JSON.stringify([
  resolveSettings(required).coolDownS,
  seconds,
  resolveSettings(required, { SHOTLAB_COOL_DOWN_S: "3" }).coolDownS,
  resolveFlags({ ...required, coolDownS: "4" }, {}).coolDownS,
  journalSettings(option)["coolDownS"],
  fromPlanned(recorded).coolDownS,
  z.strictObject(PLANNED_SHAPE).parse(older).cool_down_s,
]));
`;

Deno.test("an entry of the table is all that a setting takes", async () => {
  const dir = await Deno.makeTempDir();
  const root = fileURLToPath(new URL("../../", import.meta.url));
  try {
    for (const name of ["src", "deno.json", "deno.lock"]) {
      await cp(root + name, `${dir}/${name}`, { recursive: true });
    }
    await symlink(`${root}node_modules`, `${dir}/node_modules`);
    const path = `${dir}/src/settings/table.ts`;
    const table = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, table.replace("const TABLE = {", `const TABLE = {${ADDED}`));
    await Deno.writeTextFile(`${dir}/uses.ts`, USES);
    const deno = async (...args: string[]): Promise<string> => {
      const command = new Deno.Command(Deno.execPath(), { args, cwd: dir, env: { NO_COLOR: "1" } });
      const { success, stdout, stderr } = await command.output();
      assert(success, new TextDecoder().decode(stderr));
      return new TextDecoder().decode(stdout);
    };
    assert.deepEqual(JSON.parse(await deno("run", "--check", "-A", "uses.ts")), [0, 2, 3, 4, 2, 2, 0]);
    assert.match(
      await deno("run", "-A", "src/cli.ts", "profile", "--help"),
      /--cool-down-s <seconds>\s+Seconds without work before each shot\s+\(SHOTLAB_COOL_DOWN_S, default 0\)/,
    );
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
