/**
 * served_steps.csv and served_requests.csv of a bundle: what a whole engine has served.
 *
 * @module
 */
import { join } from "node:path";
import { readTextIfThere } from "../files/read.ts";
import { visitLines } from "../bundle/csv.ts";
import { plural } from "../count_text.ts";
import { UsageError } from "../errors.ts";
import { writeAtomic } from "../files/write.ts";
import { readJson } from "../shots/read_json.ts";
import {
  type Served,
  servedHeadSchema,
  type ServedRequest,
  type ServedStep,
  type StepGroup,
} from "./served.ts";

const STEP_COLUMNS = [
  "part",
  "batch",
  "scheduled_s",
  "output_s",
  "launch_us",
  "host_us",
  "span_us",
  "kernel_us",
  "probe_us",
] as const;
/** The columns of files from before the host's speed was measured. */
const OLDER_COLUMNS = STEP_COLUMNS.slice(0, -1);
const REQUEST_COLUMNS = [
  "part",
  "arrival_s",
  "input_tokens",
  "output_tokens",
  "ttft_ms",
  "tpot_ms",
  "e2e_ms",
];

/**
 * Writes served_steps.csv: a first line `# {...}` with the engine's settings, host and captured sizes as JSON, the
 * columns' names, a step a line. A batch is its requests as `new@history`, several equal ones as `new@historyxcount`.
 *
 * @param served What was served.
 * @returns The file's text.
 *
 * @example
 * ```ts
 * import { readServedSteps } from "shotlab";
 * import { formatServedSteps } from "shotlab/serving";
 * import assert from "node:assert/strict";
 * const served = (await readServedSteps("perf/H200/meta-llama/Llama-3.1-8B/bf16", 1))!;
 * assert.match(formatServedSteps(served), /^# \{/);
 * ```
 */
export function formatServedSteps({ head, steps }: Pick<Served, "head" | "steps">): string {
  const cell = (value: number | null): string => value === null ? "" : String(value);
  const rows = steps.map((step) =>
    [
      step.part.replaceAll(/[,"\n]/g, " "),
      step.groups.map(formatGroup).join(" "),
      step.scheduledS,
      cell(step.outputS),
      cell(step.launchUs),
      cell(step.hostUs),
      cell(step.spanUs),
      cell(step.kernelUs),
      cell(step.probeUs ?? null),
    ].join()
  );
  return [`# ${JSON.stringify(head)}`, STEP_COLUMNS.join(), ...rows, ""].join("\n");
}

/**
 * Reads served_steps.csv.
 *
 * @param text The file's text.
 * @param path Its path, for messages.
 * @returns Head and steps.
 * @throws {UsageError} when a line breaks a rule, naming file and line.
 *
 * @example
 * ```ts
 * import { parseServedSteps } from "shotlab/serving";
 * import assert from "node:assert/strict";
 * assert.throws(() => parseServedSteps("layer,tokens\n", "served_steps.csv"), {
 *   message: "Cannot read served_steps.csv, line 1: it must be '# ' and the engine's settings as JSON",
 * });
 * ```
 */
export function parseServedSteps(text: string, path: string): Pick<Served, "head" | "steps"> {
  const fail = (line: number, rule: string): UsageError =>
    new UsageError(`Cannot read ${path}, line ${line}: ${rule}`);
  const end = text.indexOf("\n");
  const first = end < 0 ? text : text.slice(0, end);
  if (!first.startsWith("# {")) throw fail(1, "it must be '# ' and the engine's settings as JSON");
  const head = readJson(servedHeadSchema, first.slice(2), (rule) => fail(1, rule));
  const steps: ServedStep[] = [];
  let cells: number = STEP_COLUMNS.length;
  visitLines(end < 0 ? "" : text.slice(end + 1), (line) => {
    if (line.length === 0) return;
    const number = line.number + 1;
    if (number === 2) {
      if (line.source() === OLDER_COLUMNS.join()) cells = OLDER_COLUMNS.length;
      else if (line.source() !== STEP_COLUMNS.join()) {
        throw fail(2, `the columns must be ${STEP_COLUMNS.join()}`);
      }
      return;
    }
    if (line.length !== cells) throw fail(number, `expected ${plural(cells, "cell")}`);
    const time = (at: number): number | null => {
      if (line.text(at) === "") return null;
      const value = line.value(at);
      if (Number.isFinite(value)) return value;
      throw fail(number, `${STEP_COLUMNS[at]} must be a number or empty, got ${line.text(at)}`);
    };
    const scheduledS = time(2);
    if (scheduledS === null) throw fail(number, "scheduled_s must be a number");
    steps.push({
      part: line.text(0),
      groups: parseGroups(line.text(1), (rule) => fail(number, rule)),
      scheduledS,
      outputS: time(3),
      launchUs: time(4),
      hostUs: time(5),
      spanUs: time(6),
      kernelUs: time(7),
      probeUs: cells > 8 ? time(8) : null,
    });
  });
  return { head, steps };
}

/**
 * Writes served_requests.csv: latencies of the requests of the served loads.
 *
 * @param requests The requests.
 * @returns The file's text.
 *
 * @example
 * ```ts
 * import { formatServedRequests } from "shotlab/serving";
 * import assert from "node:assert/strict";
 * const request = {
 *   part: "load: one", arrivalS: 1, inputTokens: 64, outputTokens: 3, firstS: 1.02, lastS: 1.04, itlUs: [10000, 10000],
 * };
 * assert.equal(formatServedRequests([request]).split("\n").length, 3);
 * ```
 */
export function formatServedRequests(requests: readonly ServedRequest[]): string {
  const rows = requests.map((one) => {
    const { ttftMs, tpotMs, e2eMs } = latenciesOf(one);
    return [
      one.part.replaceAll(/[,"\n]/g, " "),
      one.arrivalS,
      one.inputTokens,
      one.outputTokens,
      ...[ttftMs, tpotMs, e2eMs].map((ms) => Number(ms.toFixed(4))),
    ].join();
  });
  return [REQUEST_COLUMNS.join(), ...rows, ""].join("\n");
}

/**
 * The latencies of a request.
 *
 * @param request The request.
 * @returns Times to its first token, between tokens on average, and to its last, in milliseconds.
 *
 * @example
 * ```ts
 * import { latenciesOf } from "shotlab/serving";
 * import assert from "node:assert/strict";
 * const request = {
 *   part: "load: one", arrivalS: 1, inputTokens: 64, outputTokens: 3, firstS: 1.02, lastS: 1.04, itlUs: [10000, 10000],
 * };
 * assert.equal(Math.round(latenciesOf(request).ttftMs), 20);
 * ```
 */
export function latenciesOf(request: ServedRequest): {
  outputTokens: number;
  ttftMs: number;
  tpotMs: number;
  e2eMs: number;
} {
  const { arrivalS, firstS, lastS, outputTokens } = request;
  return {
    outputTokens,
    ttftMs: (firstS - arrivalS) * 1e3,
    tpotMs: outputTokens > 1 ? (lastS - firstS) * 1e3 / (outputTokens - 1) : 0,
    e2eMs: (lastS - arrivalS) * 1e3,
  };
}

/**
 * Writes what was served into a bundle.
 *
 * @param dir The bundle's folder; the degree's folder is there.
 * @param served What was served.
 * @returns The paths of the files.
 * @throws {UsageError} when a file cannot be written.
 *
 * @example
 * ```ts
 * import { readServedSteps } from "shotlab";
 * import { writeServed } from "shotlab/serving";
 * import assert from "node:assert/strict";
 * const { head, steps } = (await readServedSteps("perf/H200/meta-llama/Llama-3.1-8B/bf16", 1))!;
 * const dir = await Deno.makeTempDir();
 * await Deno.mkdir(`${dir}/tp1`);
 * await writeServed(dir, { head, steps: steps.slice(0, 8), requests: [], failed: [], whole: true });
 * assert.equal((await readServedSteps(dir, 1))?.steps.length, 8);
 * await Deno.remove(dir, { recursive: true });
 * ```
 */
export async function writeServed(dir: string, served: Served): Promise<string[]> {
  const folder = join(dir, `tp${served.head.tp}`);
  const steps = join(folder, "served_steps.csv");
  const requests = join(folder, "served_requests.csv");
  await writeAtomic(steps, formatServedSteps(served));
  if (served.requests.length === 0) return [steps];
  await writeAtomic(requests, formatServedRequests(served.requests));
  return [steps, requests];
}

/**
 * Reads the served steps of a bundle.
 *
 * @param dir The bundle's folder.
 * @param tp Tensor-parallel degree.
 * @returns Head and steps, null where the bundle has none of this degree.
 * @throws {UsageError} when the file breaks a rule.
 *
 * @example
 * ```ts
 * import { readServedSteps } from "shotlab";
 * import assert from "node:assert/strict";
 * assert.equal(await readServedSteps("perf/H100/meta-llama/Llama-3.1-8B/bf16", 8), null);
 * ```
 */
export async function readServedSteps(
  dir: string,
  tp: number,
): Promise<Pick<Served, "head" | "steps"> | null> {
  const path = join(dir, `tp${tp}`, "served_steps.csv");
  const text = await readTextIfThere(path);
  return text === null ? null : parseServedSteps(text, path);
}

function formatGroup({ tokens, history, count }: StepGroup): string {
  return `${tokens}@${history}${count === 1 ? "" : `x${count}`}`;
}

function parseGroups(text: string, fail: (rule: string) => UsageError): StepGroup[] {
  return text.split(" ").map((group) => {
    const found = /^([1-9]\d*)@(\d+)(?:x([1-9]\d*))?$/.exec(group);
    if (found === null) throw fail(`batch must be requests such as 1@722x3 512@0, got ${text || "nothing"}`);
    return { tokens: Number(found[1]), history: Number(found[2]), count: Number(found[3] ?? 1) };
  });
}
