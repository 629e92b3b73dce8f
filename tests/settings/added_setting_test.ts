import assert from "node:assert/strict";
import { cp, symlink } from "node:fs/promises";
import { fileURLToPath } from "node:url";

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
