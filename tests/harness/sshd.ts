/** A real SSH server on this machine, for a test. */
import { freePort } from "../free_port.ts";

/** A server that lets us in. */
export interface Server extends AsyncDisposable {
  /** The transport that reaches it. */
  readonly transport: readonly string[];
}

/** Where the server's program is, null when there is none or it cannot run as we are. */
export function findSshd(): string | null {
  const places = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];
  const there = places.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
  return there ?? null;
}

/** Starts a server on a free port, with keys of its own, for the user who runs the test. */
export async function startSshd(sshd: string): Promise<Server> {
  const dir = await Deno.makeTempDir();
  for (const key of ["host", "user"]) {
    await run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", `${dir}/${key}`);
  }
  if (Deno.uid() === 0) await Deno.mkdir("/run/sshd", { recursive: true });
  const port = freePort();
  const config = [
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${dir}/host`,
    `AuthorizedKeysFile ${dir}/user.pub`,
    "PermitRootLogin yes",
    "StrictModes no",
    "UsePAM no",
    "PidFile none",
  ];
  await Deno.writeTextFile(`${dir}/config`, config.join("\n") + "\n");
  const server = new Deno.Command(sshd, {
    args: ["-D", "-e", "-f", `${dir}/config`],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const log = server.stderr.getReader();
  let said = "";
  while (!said.includes("listening")) {
    const { value, done } = await log.read();
    if (done) throw new Error(`sshd did not start: ${said}`);
    said += new TextDecoder().decode(value);
  }
  const drained = (async (): Promise<void> => {
    while (!(await log.read()).done);
  })();
  const trust = [
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "LogLevel=ERROR",
  ];
  return {
    transport: ["ssh", "-p", String(port), "-i", `${dir}/user`, ...trust, "127.0.0.1"],
    async [Symbol.asyncDispose](): Promise<void> {
      server.kill("SIGTERM");
      await server.status;
      await drained;
      await Deno.remove(dir, { recursive: true });
    },
  };
}

async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
