import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { openHarness } from "../../src/harness/open.ts";
import type { RunEvent } from "../../src/events.ts";
import { profile } from "../../src/run/profile.ts";
import { splitArgv } from "../../src/settings/argv.ts";
import { journaledShots, SMALL, smallBundle } from "../run/small_model.ts";
import { only, withFolder } from "../run/tiny_run.ts";
import { findSshd, startSshd } from "./sshd.ts";
import { withStandIns } from "./stand_in.ts";
import { architecture, bootRequest, fireAll } from "./toy.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const EXAMPLE = `${ROOT}examples/harness.py`;
/** Quoted for the shell on the other side as well. */
const FOR_SSH = `'${EXAMPLE}'`;
const DOCUMENT = await Deno.readTextFile(`${ROOT}docs/remote.md`);
const SSHD = findSshd();

/** The transports of docs/remote.md: program and the words that it gets before the harness's own. */
const TRANSPORTS: Record<string, { transport: string; program: string }> = {
  ssh: { transport: "ssh -o ServerAliveInterval=15 gpu1", program: "ssh" },
  "ssh, in a folder": { transport: "ssh -o ServerAliveInterval=15 gpu1 cd shotlab '&&'", program: "ssh" },
  docker: { transport: "docker run --rm -i --gpus all worker:1", program: "docker" },
  slurm: { transport: "srun --ntasks=1 --gpus=1 --unbuffered", program: "srun" },
  kubernetes: { transport: "kubectl exec -i worker-0 --", program: "kubectl" },
};

const TOY = {
  ...bootRequest,
  architecture: {
    ...architecture,
    catalog: {
      dense: { o_proj: { vllm: ["O"] } },
      per_sequence: { lm_head: { vllm: ["L"] } },
      attention: { attention: { vllm: ["A"] } },
      moe: {},
    },
  },
};

for (const [name, { transport, program }] of Object.entries(TRANSPORTS)) {
  Deno.test(`the transport of ${name} carries a harness as its document says`, () =>
    withStandIns(async (programs) => {
      assert.ok(DOCUMENT.includes(`--transport "${transport}"`), `docs/remote.md must have ${transport}`);
      const words = splitArgv(transport)!;
      const file = program === "ssh" ? FOR_SSH : EXAMPLE;
      await using harness = await openHarness(`cmd:python3 "${file}"`, { transport: words, devices: [1] });
      await harness.boot(TOY);
      const [outcome] = await fireAll(harness, [{ category: "dense", tp: 1, tokens: 4 }]);
      assert.equal(outcome!.status, "measured");
      const own = ["env", "CUDA_VISIBLE_DEVICES=1", "python3", file];
      assert.deepEqual(programs.calledWith(program), [...words.slice(1), ...own]);
    }));
}

/** Profiles the small model through a transport and breaks the connection at some shots. */
async function broken(
  dir: string,
  transport: readonly string[],
  harness: string,
  cut: () => void,
): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  await profile({ ...SMALL, perfDir: dir, tpDegrees: [1], skipSkew: true, transport, harness }, {
    onEvent(event): void {
      events.push(event);
      if (event.type === "shot" && [30, 90].includes(only(events, "shot").length)) cut();
    },
  });
  return events;
}

async function holdWhole(dir: string, events: readonly RunEvent[]): Promise<void> {
  const counts = await journaledShots(smallBundle(dir));
  assert.deepEqual([...counts].filter(([, count]) => count > 1), []);
  assert.deepEqual(only(events, "finished").map(({ measured, failed }) => [measured, failed]), [[
    counts.size,
    [],
  ]]);
  const replaced = only(events, "notice").filter(({ message }) => message.startsWith("The harness broke"));
  assert.ok(replaced.length >= 1, "the connection was cut in the middle of a chunk");
}

Deno.test("a connection that breaks is a worker that died: it is made anew and every shot is measured once", () =>
  withStandIns((programs) =>
    withFolder(async (dir) => {
      const events = await broken(dir, ["ssh", "gpu1"], `cmd:python3 "${FOR_SSH}"`, () =>
        Deno.kill(programs.pids("ssh").at(-1)!, "SIGKILL"));
      await holdWhole(dir, events);
      assert.ok(programs.pids("ssh").length >= 2);
    })
  ));

Deno.test({
  name:
    "ssh to this machine: a harness is carried, a broken connection is made anew, no worker stays behind" +
    (SSHD === null ? " (skipped: there is no sshd here)" : ""),
  ignore: SSHD === null,
  fn: () =>
    withFolder(async (dir) => {
      await using server = await startSshd(SSHD!);
      const mark = `mark-${crypto.randomUUID()}`;
      const events = await broken(dir, server.transport, `cmd:python3 "${FOR_SSH}" ${mark}`, () => {
        for (const { pid, argv } of processes()) {
          if (argv[0]!.endsWith("ssh") && argv.includes(mark)) Deno.kill(pid, "SIGKILL");
        }
      });
      await holdWhole(dir, events);
      const begun = performance.now();
      while (processes().some(({ argv }) => argv.includes(mark))) {
        assert.ok(performance.now() - begun < 600_000, "the workers end with their connections");
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }),
});

/** The processes of this machine that can be seen. */
function processes(): { pid: number; argv: string[] }[] {
  return [...Deno.readDirSync("/proc")].filter(({ name }) => /^\d+$/.test(name)).flatMap(({ name }) => {
    try {
      return [{ pid: Number(name), argv: Deno.readTextFileSync(`/proc/${name}/cmdline`).split("\0") }];
    } catch {
      return [];
    }
  });
}

Deno.test("the Slurm job array fires the piece of its number with the worker alone", () =>
  withFolder(async (dir) => {
    const python = `${dir}/python`;
    await Deno.writeTextFile(python, `#!/bin/sh\nprintf '%s\\n' "$@"\n`, { mode: 0o755 });
    const { stdout } = await new Deno.Command("bash", {
      args: [`${ROOT}examples/slurm/fire.sbatch`],
      env: { PYTHON: python, SLURM_ARRAY_TASK_ID: "3" },
    }).output();
    const words = ["harness/vllm/worker.py", "--plan", "plan-3.jsonl", "--out", "journal-3.jsonl"];
    assert.deepEqual(new TextDecoder().decode(stdout).trimEnd().split("\n"), words);
  }));
