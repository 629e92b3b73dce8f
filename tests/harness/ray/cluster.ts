/** A real Ray cluster of this machine alone, for a test. */
import { fileURLToPath } from "node:url";
import { freePort } from "../../free_port.ts";

const BIN = fileURLToPath(new URL("../../../.venv-ray/bin", import.meta.url));

/** A process of the cluster. */
export interface Process {
  /** Its process id. */
  readonly pid: number;
  /** Its command line, as words joined by spaces. */
  readonly command: string;
}

/** A cluster with two CPUs. */
export interface Cluster extends AsyncDisposable {
  /** Where it is reached. */
  readonly address: string;
  /** The processes that run in it for us: actors (`ray::Program`) and their programs. */
  processes(): Process[];
}

/** Whether `deno task setup --ray` was run. */
export function isRayInstalled(): boolean {
  try {
    return Deno.statSync(`${BIN}/ray`).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Starts a cluster. */
export async function startCluster(): Promise<Cluster> {
  const dir = await Deno.makeTempDir();
  const flags = {
    "--num-cpus": 2,
    "--num-gpus": 0,
    "--port": 0,
    "--ray-client-server-port": freePort(),
    "--object-store-memory": 80_000_000,
    "--include-dashboard": false,
  };
  const head = new Deno.Command(`${BIN}/ray`, {
    args: [
      "start",
      "--head",
      "--block",
      "--disable-usage-stats",
      ...Object.entries(flags).flat().map(String),
    ],
    env: { RAY_TMPDIR: dir, RAY_AUTH_MODE: "disabled" },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
    detached: true, // its daemons are in its process group
  }).spawn();
  const output = head.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  let address: string | undefined;
  while ((address = /--address='(\S+)'/.exec(said)?.[1]) === undefined) {
    const { value, done } = await output.read();
    if (done) throw new Error(`Ray did not start: ${said}`);
    said += value;
  }
  const drained = (async (): Promise<void> => {
    while (!(await output.read()).done);
  })();
  return {
    address,
    processes: () => processesIn(dir),
    async [Symbol.asyncDispose](): Promise<void> {
      Deno.kill(-head.pid, "SIGKILL");
      await head.status;
      await drained;
      await Deno.remove(dir, { recursive: true });
    },
  };
}

/** The processes whose working folder is in a folder. */
function processesIn(dir: string): Process[] {
  return [...Deno.readDirSync("/proc")].filter(({ name }) => /^\d+$/.test(name)).flatMap(({ name }) => {
    try {
      if (!Deno.readLinkSync(`/proc/${name}/cwd`).startsWith(`${dir}/`)) return [];
      const command = Deno.readTextFileSync(`/proc/${name}/cmdline`).replaceAll("\0", " ");
      return [{ pid: Number(name), command }];
    } catch {
      return []; // it has ended
    }
  });
}
