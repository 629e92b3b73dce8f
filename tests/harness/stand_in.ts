/** Programs that stand in for ssh, docker, srun and kubectl: they note how they were called and run what they carry. */

/** Programs on the PATH while a test runs. */
export interface StandIns {
  /** The words that a program was called with last. */
  calledWith(program: string): string[];
  /** Process ids of all calls of a program, in their order. */
  pids(program: string): number[];
}

/** What a stand-in does after it has noted its call; `$@` are its words. */
const CARRY: Readonly<Record<string, string>> = {
  // As ssh does: options, a host, then words that the other machine's shell reads as one line, in a home folder.
  ssh:
    `while [ "\${1#-}" != "$1" ]; do case $1 in -p|-i|-o|-l) shift;; esac; shift; done; shift; cd "$(dirname "$0")"; exec sh -c "$*"`,
  docker: `while [ "$1" != worker:1 ]; do shift; done; shift; exec "$@"`,
  srun: `while [ "\${1#-}" != "$1" ]; do shift; done; exec "$@"`,
  kubectl: `while [ "$1" != -- ]; do shift; done; shift; exec "$@"`,
};

/** Puts the stand-ins on the PATH, calls `use`, and takes them off. */
export async function withStandIns(use: (programs: StandIns) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  const path = Deno.env.get("PATH")!;
  await Deno.mkdir(`${dir}/shotlab`);
  for (const [program, carry] of Object.entries(CARRY)) {
    const note = `printf '%s\\n' "$@" > ${dir}/${program}.argv\necho $$ >> ${dir}/${program}.pids`;
    await Deno.writeTextFile(`${dir}/${program}`, `#!/bin/sh\n${note}\n${carry}\n`, { mode: 0o755 });
  }
  Deno.env.set("PATH", `${dir}:${path}`);
  const lines = (file: string): string[] => Deno.readTextFileSync(`${dir}/${file}`).trimEnd().split("\n");
  try {
    await use({
      calledWith: (program) => lines(`${program}.argv`),
      pids: (program) => lines(`${program}.pids`).map(Number),
    });
  } finally {
    Deno.env.set("PATH", path);
    await Deno.remove(dir, { recursive: true });
  }
}
