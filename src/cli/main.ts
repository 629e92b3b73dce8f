/**
 * The command line: its commands, errors as exit statuses.
 *
 * @module
 */
import { Command, Help } from "commander";
import { requireConfigDir } from "../config_dir.ts";
import { SETTINGS } from "../settings/table.ts";
import { VERSION } from "../version.ts";
import { examples, type Run } from "./command.ts";
import { reportError } from "./report_error.ts";
import { colored, safeTerminal, type Terminal } from "./terminal.ts";

/** A command as the overview lists it; its file is loaded when it is called or its help is wanted. */
interface Listed {
  /** What it is called by. */
  readonly name: string;
  /** Its arguments. */
  readonly usage?: string;
  /** What it does, in half a line. */
  readonly summary: string;
  /** Whether it drives an engine, so that a signal must let it end the engine and save; others have nothing to save. */
  readonly measures?: true;
  /** Loads the file that declares and runs it. */
  readonly load: () => Promise<{ declare(command: Command, run: Run): void }>;
}

/** The commands, in the order of the overview. */
export const COMMANDS: readonly Listed[] = [
  {
    name: "profile",
    summary: "measure a model's layers into a bundle",
    measures: true,
    load: () => import("./commands/profile.ts"),
  },
  {
    name: "profile-all",
    summary: "measure the layers of several models, each into its bundle",
    measures: true,
    load: () => import("./commands/profile_all.ts"),
  },
  {
    name: "refresh",
    summary: "measure one category of one tensor-parallel degree again",
    measures: true,
    load: () => import("./commands/refresh.ts"),
  },
  {
    name: "plan",
    summary: "write the shots of a run to a file, without an engine",
    load: () => import("./commands/plan.ts"),
  },
  {
    name: "fire",
    usage: "<plan>",
    summary: "fire a plan into a journal, without a bundle",
    measures: true,
    load: () => import("./commands/fire.ts"),
  },
  {
    name: "ingest",
    usage: "<results...>",
    summary: "make a bundle of journals that were fired elsewhere",
    load: () => import("./commands/ingest.ts"),
  },
  {
    name: "fit",
    usage: "<bundle>",
    summary: "fit the alphas of a bundle's skew cases",
    load: () => import("./commands/fit.ts"),
  },
  {
    name: "export",
    usage: "<bundle>",
    summary: "write what a simulator needs of a bundle and beside it",
    load: () => import("./commands/export.ts"),
  },
  {
    name: "predict",
    usage: "<bundle>",
    summary: "answer queries from a bundle, as a simulator would",
    load: () => import("./commands/predict.ts"),
  },
  {
    name: "simulate",
    usage: "<bundle>",
    summary: "simulate one server: latencies and throughput of a load",
    load: () => import("./commands/simulate.ts"),
  },
  {
    name: "fits",
    summary: "say whether a model fits a device, and its KV blocks",
    load: () => import("./commands/fits.ts"),
  },
  {
    name: "recommend",
    usage: "<bundles...>",
    summary: "say how many devices a load needs, and of which kind",
    load: () => import("./commands/recommend.ts"),
  },
  {
    name: "steps",
    summary: "measure the steps of a whole engine into a bundle",
    measures: true,
    load: () => import("./commands/steps.ts"),
  },
  {
    name: "serve-load",
    summary: "serve a load on a whole engine, and compare it with the simulated one",
    measures: true,
    load: () => import("./commands/serve_load.ts"),
  },
  {
    name: "collectives",
    summary: "measure what devices take to exchange their results",
    measures: true,
    load: () => import("./commands/collectives.ts"),
  },
  {
    name: "models",
    summary: "list the models that have a configuration, and where they were measured",
    load: () => import("./commands/models.ts"),
  },
  {
    name: "hardware",
    summary: "list the devices that have a data sheet",
    load: () => import("./commands/hardware.ts"),
  },
  {
    name: "limits",
    summary: "write what plan reads as --limits, from a data sheet",
    load: () => import("./commands/limits.ts"),
  },
  {
    name: "inspect",
    summary: "draft the architecture file of a model, or say what one covers",
    measures: true,
    load: () => import("./commands/inspect.ts"),
  },
  {
    name: "conformance",
    summary: "check whether a harness meets the protocol",
    measures: true,
    load: () => import("./commands/conformance.ts"),
  },
  {
    name: "validate",
    usage: "<bundle>",
    summary: "check a bundle",
    load: () => import("./commands/validate.ts"),
  },
  {
    name: "diff",
    usage: "<first> <second>",
    summary: "compare two bundles",
    load: () => import("./commands/diff.ts"),
  },
  {
    name: "coverage",
    usage: "<bundle>",
    summary: "say what a run would find in a bundle",
    load: () => import("./commands/coverage.ts"),
  },
  {
    name: "pack",
    usage: "<bundle>",
    summary: "pack a bundle's journal, to publish it",
    load: () => import("./commands/pack.ts"),
  },
  {
    name: "report",
    usage: "<bundle> [other]",
    summary: "write all that there is to see of a bundle as one HTML file",
    load: () => import("./commands/report.ts"),
  },
];

/** What every help ends with. */
const EXIT_STATUS = `
Exit status: 0 done, 1 data error (such as an invalid bundle, shots that failed
or are in doubt, or no answer), 2 wrong use, 130 cancelled.`;

/**
 * Whether a command drives an engine: a signal must then let it end the engine and save. Any other is ended by the
 * signal itself, also in the midst of a long computation.
 *
 * @param args The command line's words, the program's name left out.
 * @returns Whether it does.
 */
export function measures(args: readonly string[]): boolean {
  return COMMANDS.some(({ name, measures = false }) => measures && name === args[0]);
}

/**
 * Runs a command.
 *
 * @param args The command line's words, the program's name left out.
 * @param given What it has around it.
 * @returns The exit status.
 */
export async function main(args: readonly string[], given: Terminal): Promise<number> {
  const terminal = safeTerminal(given);
  let status = 0;
  try {
    const program = await declared(args, terminal, async (body) => {
      status = await body(terminal);
    });
    await program.parseAsync([...args], { from: "user" });
    return status;
  } catch (error) {
    const verbose = args.includes("--verbose") || /verbose/.test(terminal.env["VERBOSITY"] ?? "");
    const report = reportError(error, { cancelled: terminal.signal.aborted, verbose });
    terminal.err(marked(report.text, terminal.colors?.err));
    return report.status;
  }
}

/** An error's text, its first word in red where that is seen. */
function marked(text: string, seen?: boolean): string {
  return text.replace(/^error:/, (word) => colored("red", word, seen));
}

/** The program, with the commands among its first two words (`help` may be the first) ready to run. */
async function declared(args: readonly string[], terminal: Terminal, run: Run): Promise<Command> {
  const { out, err, columns = 80, colors } = terminal;
  const program = new Command("shotlab")
    .description(
      "Measures how long each layer of a model takes on a piece of hardware, for serving simulators.",
    )
    .version(VERSION)
    .exitOverride()
    .configureOutput({
      writeOut: out,
      writeErr: err,
      getOutHelpWidth: () => columns,
      getErrHelpWidth: () => columns,
      outputError: (text, write) => write(marked(text, colors?.err)),
    });
  program.configureHelp({
    minWidthToWrap: 20,
    subcommandTerm: (command) => {
      const listed = COMMANDS.find(({ name }) => name === command.name());
      if (listed === undefined) return new Help().subcommandTerm(command);
      return `${listed.name} [options] ${listed.usage ?? ""}`.trimEnd();
    },
  });
  program.addHelpText(
    "after",
    examples("profile --model meta-llama/Llama-3.1-8B --hardware H100", "report perf"),
  );
  program.addHelpText("afterAll", EXIT_STATUS);
  program.hook("preAction", (_, command) => requireFolder(command, terminal.env));
  for (const { name, summary, load } of COMMANDS) {
    const command = program.command(name).summary(summary);
    if (args.slice(0, 2).includes(name)) (await load()).declare(command, run);
  }
  return program;
}

/** Refuses a folder of configurations that is not there, of a command that takes one by a flag or the environment. */
async function requireFolder(command: Command, env: Terminal["env"]): Promise<void> {
  if (!command.options.some(({ long }) => long === "--config-dir")) return;
  const { configDir } = command.opts<{ configDir?: string }>();
  const { env: name } = SETTINGS.configDir;
  if (configDir !== undefined) await requireConfigDir(configDir, `--config-dir ${configDir}`);
  else if (env[name]) await requireConfigDir(env[name], `${name}=${env[name]}`);
}
