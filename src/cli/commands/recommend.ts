/**
 * `shotlab recommend`.
 *
 * @module
 */
import { Argument, type Command, InvalidArgumentError } from "commander";
import { CONFIG_DIR } from "../../config_dir.ts";
import { hardwareDirOf, readCollectives } from "../../bundle/collectives_file.ts";
import { type Bundle, openBundle } from "../../bundle/open.ts";
import { UsageError } from "../../errors.ts";
import { loadModel } from "../../model/load_model.ts";
import { communicationAt, sheetLink } from "../../predict/communication.ts";
import { sheetOf } from "../../roofline/hardware.ts";
import {
  type CandidateBundle,
  type Deployment,
  planDeployment,
  UNSERVED,
} from "../../serving/plan_deployment.ts";
import { readServedSteps } from "../../serving/served_files.ts";
import { deploymentFigure } from "../../view/figures/deployment.ts";
import { saveFigure } from "../../view/render/render.ts";
import { tableText } from "../../view/table.ts";
import { plural } from "../../count_text.ts";
import { significant } from "../../view/text.ts";
import { examples, jsonText, type Run, verboseFlag } from "../command.ts";
import { above0, addLoadFlags, degrees, type LoadFlags, loadOf } from "../load_flags.ts";
import { FAILED } from "../report_error.ts";
import type { Terminal } from "../terminal.ts";

interface RecommendFlags extends LoadFlags {
  readonly ttftMs: number;
  readonly tpotMs: number;
  readonly percentile: "p50" | "p90" | "p99";
  readonly price?: Readonly<Record<string, number>>;
  readonly tpDegrees?: readonly number[];
  readonly configDir: string;
  readonly figure?: string;
  readonly json?: boolean;
}

/**
 * Declares the command.
 *
 * @param command What is declared.
 * @param run Runs its body.
 */
export function declare(command: Command, run: Run): void {
  command
    .description(
      "Says how many devices a load needs: for each bundle and degree the largest rate that keeps the latency targets, " +
        "tokens a second and device, and the price of a million tokens. With --rate the requests of so many a second " +
        "must be served; servers are simulated one by one.",
    )
    .addArgument(new Argument("<bundles...>", "Folders of bundles of one model"));
  addLoadFlags(command)
    .optionsGroup("Targets:")
    .option("--ttft-ms <n>", "Time to the first token, in milliseconds", above0, 1000)
    .option("--tpot-ms <n>", "Mean time of a token after the first, in milliseconds", above0, 50)
    .option("--percentile <p50|p90|p99>", "Share of the requests that keep them", percentile, "p99")
    .optionsGroup("Candidates:")
    .option("--tp-degrees <list>", "Degrees (default those of the bundles)", degrees)
    .option("--price <hardware=n>", "Price of a device an hour; once for each hardware", prices)
    .optionsGroup("Options:")
    .option("--figure <file>", "Write the figure: .png, .svg or .csv")
    .option("--config-dir <folder>", "Where models and data sheets are", CONFIG_DIR)
    .option("--json", "Print the candidates as JSON")
    .addOption(verboseFlag())
    .addHelpText(
      "after",
      examples(
        "recommend perf/H100/meta-llama/Llama-3.1-8B/bf16 perf/H200/meta-llama/Llama-3.1-8B/bf16 --rate 40 --ttft-ms 500 --tpot-ms 25 --price H100=2.5 --price H200=3.5",
      ),
    )
    .action((dirs: string[], flags: RecommendFlags) => run((terminal) => recommend(dirs, flags, terminal)));
}

async function recommend(
  dirs: readonly string[],
  flags: RecommendFlags,
  terminal: Pick<Terminal, "out" | "columns">,
): Promise<number> {
  const bundles = await Promise.all(dirs.map((dir) => openBundle(dir)));
  const id = modelOf(bundles);
  const model = await loadModel(id, { configDir: flags.configDir });
  const { rate = null, ttftMs, tpotMs, percentile } = flags;
  // The shape of arrivals is that of any rate: a drawn load of one request a second is pressed together.
  const load = await loadOf({ ...flags, ...flags.load === undefined && { rate: 1 } });
  const targets = { ttftMs, tpotMs, percentile };
  const candidates = await Promise.all(bundles.map((bundle) => candidateOf(bundle, flags)));
  const deployments = planDeployment({ model, candidates, load, targets, ratePerS: rate });
  const serving = deployments.filter(({ problem }) => problem === null);
  const words = `TTFT ${significant(ttftMs)} ms and TPOT ${significant(tpotMs)} ms at ${percentile}, ` +
    `load ${load.name} of ${plural(load.requests.length, "request")}`;
  if (flags.json === true) terminal.out(jsonText(deployments));
  else terminal.out(recommendationText(id, words, deployments, rate, terminal.columns ?? 80));
  if (flags.figure !== undefined && serving.length > 0) {
    await saveFigure(deploymentFigure({ model: id, targets: words, deployments }), flags.figure);
  }
  return serving.length > 0 ? 0 : FAILED;
}

function modelOf(bundles: readonly Bundle[]): string {
  const ids = [...new Set(bundles.map(({ meta }) => meta.model ?? "no model"))];
  if (ids.length === 1 && bundles[0]!.meta.model !== undefined) return ids[0]!;
  throw new UsageError(`Cannot recommend: the bundles must be of one model, got ${ids.join(", ")}`);
}

async function candidateOf(bundle: Bundle, flags: RecommendFlags): Promise<CandidateBundle> {
  const { meta, dir } = bundle;
  const hardware = await sheetOf(meta.gpu ?? "", flags.configDir);
  const served = new Map(
    await Promise.all(bundle.tps.map(async (tp) => [tp, await readServedSteps(dir, tp)] as const)),
  );
  const measured = await readCollectives(hardwareDirOf(dir));
  const name = meta.hardware ?? meta.gpu ?? dir;
  return {
    name,
    bundle,
    estimated: meta.quantity === "estimate",
    hardware,
    served: (tp) => served.get(tp) ?? null,
    communication: (tp) => communicationAt(tp, measured, hardware && sheetLink(hardware)),
    pricePerHour: flags.price?.[name] ?? null,
    ...flags.tpDegrees !== undefined && { tps: flags.tpDegrees.filter((tp) => bundle.tps.includes(tp)) },
  };
}

function recommendationText(
  id: string,
  words: string,
  deployments: readonly Deployment[],
  rate: number | null,
  width: number,
): string {
  const priced = deployments.some(({ pricePerMillionTokens }) => pricePerMillionTokens !== null);
  const rows = deployments.map((one) => {
    const most = one.points.at(-1);
    return {
      candidate: one.name,
      "req/s": most === undefined ? "-" : significant(one.maxRatePerS),
      TTFT: most === undefined ? "-" : significant(most.latencies.ttftMs.p99),
      TPOT: most === undefined ? "-" : significant(most.latencies.tpotMs.p99),
      "tok/s/GPU": most === undefined ? "-" : significant(most.tokensPerSPerGpu),
      ...rate !== null && { GPUs: one.gpusNeeded === null ? "-" : String(one.gpusNeeded) },
      ...priced && {
        "price/M": one.pricePerMillionTokens === null ? "-" : significant(one.pricePerMillionTokens),
      },
      front: one.onFront ? "yes" : "",
      "rests on": one.problem ?? (one.estimates.join(", ") || "measurements"),
    };
  });
  const best = deployments[0]!;
  const head = best.problem !== null
    ? "No candidate keeps the targets."
    : rate === null
    ? `${best.name} serves ${significant(best.maxRatePerS)} requests/s a server within the targets.`
    : `${plural(best.gpusNeeded!, "GPU")}: ${best.name} serves ${
      significant(best.maxRatePerS)
    } requests/s a server, ` +
      `${significant(rate)} are asked` +
      (best.pricePerHour === null ? "." : `; ${significant(best.pricePerHour)} an hour.`);
  const plain = deployments.filter(({ problem, estimates }) =>
    problem === null && estimates.includes(UNSERVED)
  );
  const unlike =
    plain.length > 0 && plain.length < deployments.filter(({ problem }) => problem === null).length
      ? [
        `Candidates with ${UNSERVED} look faster than they are, the others do not (docs/serving.md); measure theirs with ` +
        "shotlab steps to compare.",
      ]
      : [];
  return [
    `${id}, ${words}`,
    head,
    ...unlike,
    `Latencies in ms at p99${priced ? ", price of 10⁶ tokens" : ""}:`,
    tableText(rows, { rows: Infinity, width }),
    "",
  ].join("\n");
}

function percentile(text: string): string {
  if (["p50", "p90", "p99"].includes(text)) return text;
  throw new InvalidArgumentError("Expected p50, p90 or p99.");
}

function prices(text: string, before: Record<string, number> = {}): Record<string, number> {
  const [name = "", price = ""] = text.split("=");
  if (name === "") throw new InvalidArgumentError("Expected <hardware>=<price>, such as H100=2.5.");
  return { ...before, [name]: above0(price) };
}
