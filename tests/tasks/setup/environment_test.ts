import { uniform } from "../../../src/random.ts";
import assert from "node:assert/strict";
import { setupEnvironment, tornDistributions } from "../../../tasks/setup/environment.ts";
import { UsageError } from "../../../src/errors.ts";
import { withFolder } from "../../run/tiny_run.ts";
import { assertWhole, makeSmall, SMALL } from "./small.ts";

/** A set-up in a process of its own. */
function startSetup(root: string, env: Record<string, string>): Deno.ChildProcess {
  const args = ["run", "-A", "--quiet", "tests/tasks/setup/set_up.ts", root];
  return new Deno.Command(Deno.execPath(), { args, env, stdout: "piped", stderr: "piped" }).spawn();
}

Deno.test("a set-up that is killed at any moment is completed by the next, in a folder of any name", () =>
  withFolder(async (dir) => {
    const root = `${dir}/größe 2/`;
    await Deno.mkdir(root);
    const env = await makeSmall(root);
    for (let kills = 0; kills < 2; kills++) {
      const child = startSetup(root, env);
      const killing = setTimeout(() => child.kill("SIGKILL"), 300 + 4000 * uniform(`kill ${kills}`, 14));
      await child.output();
      clearTimeout(killing);
    }
    const { success, stdout, stderr } = await startSetup(root, env).output();
    assert.ok(success, new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr));
    await assertWhole(root);
    assert.deepEqual(tornDistributions(`${root}.venv`), []);
    const again = await startSetup(root, env).output();
    assert.equal(new TextDecoder().decode(again.stdout), "", "what is set up is not set up again");
  }));

Deno.test("a distribution without the file that names its installer is torn", () =>
  withFolder(async (dir) => {
    const packages = `${dir}/lib/python3.12/site-packages`;
    for (const name of ["whole-1.0.dist-info", "torn-1.0.dist-info", "module"]) {
      await Deno.mkdir(`${packages}/${name}`, { recursive: true });
    }
    await Deno.writeTextFile(`${packages}/whole-1.0.dist-info/INSTALLER`, "uv");
    assert.deepEqual(tornDistributions(dir), [`${packages}/torn-1.0.dist-info`]);
    assert.deepEqual(tornDistributions(`${dir}/none`), []);
  }));

Deno.test("too little disk is refused before anything is made, with what is needed", () =>
  withFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/r.txt`, "x==1\n");
    const wanted = [{ ...SMALL, needsGB: 4 }];
    const options = { root: `${dir}/`, say: (): void => {}, freeGB: () => Promise.resolve(3.21) };
    await assert.rejects(
      setupEnvironment(".venv", wanted, options),
      new UsageError(
        `Cannot set up in ${dir}/: it needs 4.0 GB of disk, 3.2 GB are free; free some and run this again`,
      ),
    );
    await assert.rejects(Deno.stat(`${dir}/.venv`), Deno.errors.NotFound);
  }));

Deno.test("what an attempt that was cut short has fetched counts as free disk", () =>
  withFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/r.txt`, "x==1\n");
    await Deno.mkdir(`${dir}/.venv/setup/uv`, { recursive: true });
    await Deno.writeFile(`${dir}/.venv/setup/uv/wheel`, new Uint8Array(1e6));
    const options = { root: `${dir}/`, say: (): void => {}, freeGB: () => Promise.resolve(0) };
    await assert.rejects(setupEnvironment(".venv", [{ ...SMALL, needsGB: 0.101 }], options), {
      message:
        `Cannot set up in ${dir}/: it needs 0.1 GB of disk, 0.0 GB are free; free some and run this again`,
    });
  }));

Deno.test("a folder that this user may not write into is refused", {
  // Root may write everywhere.
  ignore: Deno.uid() === 0,
}, () =>
  withFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/r.txt`, "x==1\n");
    await Deno.chmod(dir, 0o555);
    await assert.rejects(setupEnvironment(".venv", [SMALL], { root: `${dir}/`, say: () => {} }), {
      message: `Cannot set up in ${dir}: this user may not write there; let its owner run deno task setup, ` +
        "or take a copy of the project that is yours",
    });
    await Deno.chmod(dir, 0o755);
  }));
