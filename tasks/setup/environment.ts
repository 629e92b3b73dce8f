/**
 * A Python environment in a folder of this project, and which requirement files it has.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { statfs } from "node:fs/promises";
import { UsageError } from "../../src/errors.ts";
import { keepAlone, runFill } from "./fill.ts";
import { installRequirements, SCRATCH } from "./install.ts";
import { findPython, run } from "./python.ts";

/** One requirements file and how it is installed. */
export interface Requirements {
  /** What it is, for messages. */
  title: string;
  /** The file, from the project's folder. */
  file: string;
  /** More arguments for `pip install`. */
  args: readonly string[];
  /** What it takes of the disk once it is installed, in GB, about; null where that depends. */
  sizeGB: number | null;
  /** What must be free for it on the disk, in GB. */
  needsGB: number;
}

/** Where an environment is made. */
export interface EnvironmentOptions {
  /** The project's folder, with a slash at its end. */
  root: string;
  /** Where messages go. */
  say: (line: string) => void;
  /** GB that are free on the disk of a folder. @default asks the system */
  freeGB?: (folder: string) => Promise<number>;
}

/**
 * Makes an environment have requirement files: what is there stays, what was cut short is completed.
 *
 * @param name Name of its folder.
 * @param wanted The files.
 * @param options Where.
 * @returns Its Python.
 * @throws {UsageError} when it cannot be made, with the remedy.
 */
export async function setupEnvironment(
  name: string,
  wanted: readonly Requirements[],
  options: EnvironmentOptions,
): Promise<string> {
  const { root, say, freeGB = freeOnDisk } = options;
  const venv = root + name;
  const python = `${venv}/bin/python`;
  if ((await run([python, "-c", ""]))?.success && (await missingOf(venv, wanted, root)).length === 0) {
    return python;
  }
  using _alone = await keepAlone(venv, () => say(`Another set-up is at work in ${venv}: waiting for it`));
  const usable = await isUsable(venv);
  const missing = usable ? await missingOf(venv, wanted, root) : wanted;
  if (usable && missing.length === 0) return python;

  say(`Setting up in ${venv}: ${missing.map(titled).join(", ")}`);
  const needsGB = missing.reduce((sum, one) => sum + one.needsGB, 0) - gbBelow(`${venv}/${SCRATCH}`);
  await checkDisk(root, needsGB, freeGB);
  if (!usable) await makeEnvironment(venv);
  for (const torn of tornDistributions(venv)) await Deno.remove(torn, { recursive: true });
  for (const one of missing) {
    await installRequirements({ ...one, venv, file: root + one.file, say });
    await stamp(venv, one.file, await hashOf(root + one.file));
  }
  return python;
}

function titled({ title, sizeGB }: Requirements): string {
  return sizeGB === null ? title : `${title} (about ${sizeGB} GB)`;
}

/** Those of the files that an environment does not have as they are now. */
async function missingOf(
  venv: string,
  wanted: readonly Requirements[],
  root: string,
): Promise<Requirements[]> {
  const done = await readStamp(venv);
  const missing: Requirements[] = [];
  for (const one of wanted) if (done[one.file] !== await hashOf(root + one.file)) missing.push(one);
  return missing;
}

/** Whether an environment has a Python and a whole pip. */
async function isUsable(venv: string): Promise<boolean> {
  if (!(await run([`${venv}/bin/python`, "-m", "pip", "--version"]))?.success) return false;
  return !tornDistributions(venv).some((folder) => /\/pip-[^/]+$/.test(folder));
}

async function makeEnvironment(venv: string): Promise<void> {
  const python = await findPython();
  const failure = await runFill({ python, venv, argv: [python, "-m", "venv", "--clear", venv] });
  if (failure === null) return;
  const reason = failure.trim().split("\n").at(-1);
  throw new UsageError(
    `Cannot make the Python environment ${venv}: ${reason}; Debian and Ubuntu need: apt install python3-venv`,
  );
}

/**
 * Distributions whose installation was cut short: the file that names the installer is one of the last to be written.
 *
 * @param venv Folder of an environment.
 * @returns Folders that make installers take them for installed.
 */
export function tornDistributions(venv: string): string[] {
  const names = (folder: string): string[] => {
    try {
      return [...Deno.readDirSync(folder)].map((entry) => `${folder}/${entry.name}`);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  };
  return names(`${venv}/lib`).flatMap((python) => names(`${python}/site-packages`))
    .filter((folder) => folder.endsWith(".dist-info") && !names(folder).includes(`${folder}/INSTALLER`));
}

async function readStamp(venv: string): Promise<Record<string, string>> {
  try {
    return JSON.parse(await Deno.readTextFile(`${venv}/shotlab.json`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return {};
    throw error;
  }
}

async function stamp(venv: string, file: string, hash: string): Promise<void> {
  const done = { ...await readStamp(venv), [file]: hash };
  await Deno.writeTextFile(`${venv}/shotlab.json.new`, JSON.stringify(done, null, 2) + "\n");
  await Deno.rename(`${venv}/shotlab.json.new`, `${venv}/shotlab.json`);
}

async function hashOf(path: string): Promise<string> {
  return createHash("sha256").update(await Deno.readFile(path)).digest("hex");
}

async function checkDisk(
  folder: string,
  needsGB: number,
  freeGB: (folder: string) => Promise<number>,
): Promise<void> {
  const free = await freeGB(folder);
  if (free >= needsGB) return;
  throw new UsageError(
    `Cannot set up in ${folder}: it needs ${needsGB.toFixed(1)} GB of disk, ${
      free.toFixed(1)
    } GB are free; ` +
      `free some and run this again`,
  );
}

async function freeOnDisk(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize / 1e9;
}

function gbBelow(folder: string): number {
  try {
    return [...Deno.readDirSync(folder)].reduce((sum, { name, isDirectory }) => {
      const path = `${folder}/${name}`;
      return sum + (isDirectory ? gbBelow(path) : Deno.lstatSync(path).size / 1e9);
    }, 0);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}
