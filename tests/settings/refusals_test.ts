import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import { resolveFlags, resolveSettings, type Settings } from "../../src/settings.ts";
import { flagOf, OPTIONS, SETTINGS } from "../../src/settings/table.ts";
import { REQUIRED, without } from "./required.ts";

function refuses(run: () => unknown, message: string): void {
  assert.throws(run, (error) => {
    assert(error instanceof UsageError);
    assert.equal(error.message, message);
    return true;
  });
}

const INTEGER = "expected an integer of at least 1";
const STEP = "expected 1, 2, 4, 8 or 16";
const FACTOR = "expected a number above 1";
const TOGGLE = "expected 1 (true, yes, on) or 0 (false, no, off)";
const SECONDS = "expected a number of seconds above 0";
const PRECISION =
  "expected <relative>[,<min>,<max>] such as 0.01,3,30: a share above 0 and below 1, then at least " +
  "2 samples and no fewer at most";
const SHARE = "expected a share above 0 and below 1, such as 0.03";
const TARGET =
  "expected a share of the shots such as 20%, or an error such as error=3% ({ shots: 0.2 } or { error: 0.03 }), " +
  "above 0 and below 100%";
const BUDGET = "expected a time above 0 such as 90s, 5min or 1h30min, or a number of seconds";
const MODEL = "expected <org>/<name> of letters, digits, '.', '_' and '-', such as Qwen/Qwen3-0.6B";
const FOLDER = "expected one folder name of letters, digits, '.', '_', '+' and '-', such as H100";
const REVISION = "expected a branch, tag or commit, such as main or refs/pr/1";
const VARIANT =
  "expected one folder name, and neither auto nor default: leave it out to have it derived from the types";
const TYPE = "expected a type's name, such as bfloat16 or fp8";
const DEGREES = "expected different integers of at least 1, such as 1,2,4";
const NO_ONE = "1 must be among them, because layers that no degree changes are measured there";
const Q_LENS = "expected different numbers of tokens of at least 1, such as 1,4";
const NO_PLAIN = "1 must be among them, because decodes without drafts have one";
const EP = "expected different numbers of devices of at least 1, such as 1,2,4";
const NOT_ALL = "1 must be among them, because the engine of all layers has all experts";
const DEVICES = "expected different device numbers, such as 0,1";

/** What a setting refuses: as an environment variable's text, and the rule that the message gives. */
const REFUSED: readonly (readonly [keyof Settings, string, string])[] = [
  ["model", "Qwen3-0.6B", MODEL],
  ["model", "../etc/passwd", MODEL],
  ["model", "../passwd", MODEL],
  ["model", "/etc/passwd", MODEL],
  ["model", "org/..", MODEL],
  ["model", "org/na me", MODEL],
  ["revision", "../main", REVISION],
  ["revision", "/main", REVISION],
  ["hardware", "a/b", FOLDER],
  ["hardware", "..", FOLDER],
  ["hardware", ".hidden", FOLDER],
  ["hardware", "C:\\perf", FOLDER],
  ["tpDegrees", "2,4", NO_ONE],
  ["tpDegrees", "1,2,2", DEGREES],
  ["tpDegrees", "0,1", DEGREES],
  ["tpDegrees", "1,two", DEGREES],
  ["tpDegrees", "1,2,", DEGREES],
  ["tpDegrees", "1,2.5", DEGREES],
  ["dtype", "BF16!", TYPE],
  ["kvCacheDtype", "../fp8", TYPE],
  ["variant", "auto", VARIANT],
  ["variant", "default", VARIANT],
  ["variant", "bf16/x", VARIANT],
  ["maxNumBatchedTokens", "0", INTEGER],
  ["maxNumSeqs", "2.5", INTEGER],
  ["maxNumSeqs", "0x10", INTEGER],
  ["denseStep", "3", STEP],
  ["denseStep", "0", STEP],
  ["denseStep", "32", STEP],
  ["denseStep", "-4", STEP],
  ["denseStep", "4.5", STEP],
  ["denseStep", "fine", STEP],
  ["attentionMaxKv", "-16384", INTEGER],
  ["attentionChunkFactor", "1.0", FACTOR],
  ["attentionKvFactor", "0.5", FACTOR],
  ["parity", "maybe", TOGGLE],
  ["skipSkew", "2", TOGGLE],
  ["onlySkew", "y", TOGGLE],
  ["skewMode", "both", "expected interpolated or exact"],
  ["skewNFactor", "1", FACTOR],
  ["skewPcFactor", "two", FACTOR],
  ["skewKpFactor", "NaN", FACTOR],
  ["skewKvsFactor", "1e999", FACTOR],
  ["adaptive", "20", TARGET],
  ["adaptive", "0%", TARGET],
  ["adaptive", "error=1.2.3", TARGET],
  ["adaptive", "half", TARGET],
  ["budget", "soon", BUDGET],
  ["budget", "0s", BUDGET],
  ["budget", "5 parsecs", BUDGET],
  ["measurementIterations", "three", INTEGER],
  ["quantity", "cpu", "expected kernel, event, wall or estimate"],
  ["precision", "1", PRECISION],
  ["precision", "0", PRECISION],
  ["precision", "0.01,3", PRECISION],
  ["precision", "0.01,1,30", PRECISION],
  ["precision", "0.01,10,5", PRECISION],
  ["precision", "0.01,3,30,40", PRECISION],
  ["precision", "precise", PRECISION],
  ["seed", "-1", "expected an integer of at least 0"],
  ["sentinelS", "-1", "expected a number of seconds, 0 for never"],
  ["sustainS", "soon", "expected a number of seconds, 0 for never"],
  ["clock", "0", "expected an integer of at least 1"],
  ["sustainShots", "many", "expected some or all"],
  ["driftShare", "0", SHARE],
  ["driftShare", "3%", SHARE],
  ["harness", " ", "expected vllm, ray[:<address>], roofline:<hardware>, replay:<bundle> or cmd:<argv>"],
  ["transport", `ssh "gpu1`, "expected a command and its arguments, quotes closed, such as ssh gpu1"],
  ["devices", "0,0", DEVICES],
  ["devices", "-1", DEVICES],
  ["helloTimeoutS", "0", SECONDS],
  ["bootTimeoutS", "0", SECONDS],
  ["shotTimeoutS", "10s", SECONDS],
  ["force", "please", TOGGLE],
  ["yes", "ok", TOGGLE],
  ["exactGrid", "grid", TOGGLE],
  ["grid", "v1.3", "expected august, v1.2 or both"],
  ["attentionNFactor", "1", FACTOR],
  ["decodeQLens", "1,1", Q_LENS],
  ["decodeQLens", "4", NO_PLAIN],
  ["epDegrees", "1,0", EP],
  ["epDegrees", "2,4", NOT_ALL],
  ["retryFailed", "-1", TOGGLE],
  ["acceptSpeed", "slow", TOGGLE],
  ["allowMixed", "nope", TOGGLE],
  ["verbosity", "--quiet", "expected silent, info or verbose"],
  ["verbosity", "-- silent", "expected silent, info or verbose"],
  ["verbosity", "silent--", "expected silent, info or verbose"],
];

Deno.test("resolveSettings: a message names the environment variable, the value and the rule", () => {
  for (const [option, text, rule] of REFUSED) {
    const { env } = SETTINGS[option];
    refuses(
      () => resolveSettings(without(option), { [env]: text }),
      `Cannot use ${env}=${text}: ${rule}`,
    );
  }
  const paths = ["perfDir", "configDir", "prior"];
  assert.deepEqual(new Set([...REFUSED.map(([option]) => option), ...paths]), new Set(OPTIONS));
});

Deno.test("resolveFlags: a message names the flag, the value and the rule", () => {
  for (const [option, text, rule] of REFUSED.filter(([option]) => option !== "verbosity")) {
    refuses(
      () => resolveFlags({ ...REQUIRED, [option]: text }, {}),
      `Cannot use ${flagOf(option)} ${text}: ${rule}`,
    );
  }
});

Deno.test("resolveSettings: a message names the option, the value and the rule", () => {
  const cases: readonly (readonly [Record<string, unknown>, string])[] = [
    [{ model: "a/b\0" }, `Cannot use model: "a/b\\x00": ${MODEL}`],
    [{ hardware: 100 }, `Cannot use hardware: 100: ${FOLDER}`],
    [{ tpDegrees: [2, 4] }, `Cannot use tpDegrees: [ 2, 4 ]: ${NO_ONE}`],
    [{ tpDegrees: [] }, `Cannot use tpDegrees: []: ${NO_ONE}`],
    [{ tpDegrees: "1,2" }, `Cannot use tpDegrees: "1,2": ${DEGREES}`],
    [{ maxNumSeqs: NaN }, `Cannot use maxNumSeqs: NaN: ${INTEGER}`],
    [{ maxNumSeqs: "64" }, `Cannot use maxNumSeqs: "64": ${INTEGER}`],
    [{ denseStep: 3 }, `Cannot use denseStep: 3: ${STEP}`],
    [{ denseStep: 0 }, `Cannot use denseStep: 0: ${STEP}`],
    [{ denseStep: "4" }, `Cannot use denseStep: "4": ${STEP}`],
    [{ attentionChunkFactor: 1 }, `Cannot use attentionChunkFactor: 1: ${FACTOR}`],
    [{ attentionKvFactor: Infinity }, `Cannot use attentionKvFactor: Infinity: ${FACTOR}`],
    [{ skipSkew: 1 }, `Cannot use skipSkew: 1: ${TOGGLE}`],
    [{ perfDir: "" }, `Cannot use perfDir: "": expected a path`],
    [{ configDir: "a\0b" }, `Cannot use configDir: "a\\x00b": expected a path`],
    [{ seed: 1n }, `Cannot use seed: 1n: expected an integer of at least 0`],
  ];
  for (const [input, message] of cases) refuses(() => resolveSettings({ ...REQUIRED, ...input }), message);
});

Deno.test("a required setting that is missing is asked for in the caller's words", () => {
  const message = "No model given: pass --model <org>/<name> or set MODEL";
  refuses(() => resolveFlags({}, { MODEL: "" }), message);
  refuses(
    () => resolveSettings({ model: "a/b" }),
    "No hardware given: pass the option hardware (<name>) or set HARDWARE",
  );
});

Deno.test("skipSkew and onlySkew contradict each other, wherever they come from", () => {
  const rule = "one leaves out what the other asks for; turn one off";
  refuses(
    () => resolveSettings({ ...REQUIRED, skipSkew: true, onlySkew: true }),
    `Cannot use skipSkew: true with onlySkew: true: ${rule}`,
  );
  refuses(
    () => resolveFlags({ ...REQUIRED, onlySkew: true }, { SKIP_SKEW: "1" }),
    `Cannot use SKIP_SKEW=1 with --only-skew: ${rule}`,
  );
  refuses(
    () => resolveFlags({ ...REQUIRED, preset: "quick", onlySkew: true }, {}),
    `Cannot use skipSkew (preset quick) with --only-skew: ${rule}`,
  );
});

Deno.test("parity measures the times between which alpha lies, as the reference does", () => {
  const parity = resolveSettings({ ...REQUIRED, parity: true });
  assert.equal(parity.skewMode, "exact");
  assert.deepEqual(resolveSettings(parity), parity);
  const rule = "the reference profiler measures these times; leave one of the two out";
  refuses(
    () => resolveSettings({ ...REQUIRED, parity: true, skewMode: "interpolated" }),
    `Cannot use skewMode: "interpolated" with parity: ${rule}`,
  );
  refuses(
    () => resolveFlags({ ...REQUIRED, parity: true }, { SHOTLAB_SKEW_MODE: "interpolated" }),
    `Cannot use SHOTLAB_SKEW_MODE=interpolated with parity: ${rule}`,
  );
});

Deno.test("an unknown option or preset is refused with what was meant", () => {
  const options = ["preset", ...OPTIONS];
  assert(options.includes("tpDegrees"));
  const unknown = (input: Record<string, unknown>): () => Settings => () => resolveSettings(input);
  refuses(unknown({ ...REQUIRED, tpDegree: [1] }), "There is no option tpDegree: did you mean tpDegrees");
  refuses(unknown({ ...REQUIRED, maxNumSeq: 1 }), "There is no option maxNumSeq: did you mean maxNumSeqs");
  refuses(unknown({ ...REQUIRED, presset: "quick" }), "There is no option presset: did you mean preset");
  refuses(
    unknown({ ...REQUIRED, x: 1 }),
    `There is no option x: expected one of ${[...OPTIONS, "preset"].join(", ")}`,
  );
  refuses(unknown({ ...REQUIRED, preset: "fast" }), `Cannot use preset: "fast": expected quick`);
  refuses(
    () => resolveFlags({ ...REQUIRED, preset: "fast" }, {}),
    "Cannot use --preset fast: expected quick",
  );
  refuses(
    () => resolveSettings(REQUIRED, { SHOTLAB_PRESET: "fast" }),
    "Cannot use SHOTLAB_PRESET=fast: expected quick",
  );
});

Deno.test("parity fires every shot", () => {
  const rule = "the reference profiler fires every shot; leave one of the two out";
  refuses(
    () => resolveSettings({ ...REQUIRED, adaptive: { shots: 0.2 }, parity: true }),
    `Cannot use adaptive: { shots: 0.2 } with parity: true: ${rule}`,
  );
  refuses(
    () => resolveFlags({ ...REQUIRED, budget: "5min", parity: true }, {}),
    `Cannot use --budget 5min with --parity: ${rule}`,
  );
});

Deno.test("parity has the reference's token axis", () => {
  const rule = "the reference profiler has steps of 16 tokens; leave one of the two out";
  refuses(
    () => resolveSettings({ ...REQUIRED, denseStep: 4, parity: true }),
    `Cannot use denseStep: 4 with parity: true: ${rule}`,
  );
  refuses(
    () => resolveFlags({ ...REQUIRED, parity: true }, { SHOTLAB_DENSE_STEP: "1" }),
    `Cannot use SHOTLAB_DENSE_STEP=1 with --parity: ${rule}`,
  );
  assert.equal(resolveSettings({ ...REQUIRED, denseStep: 16, parity: true }).denseStep, 16);
});

Deno.test("several new tokens a decode, and devices that share experts, are of the grid of v1.2", () => {
  assert.deepEqual(resolveSettings({ ...REQUIRED, grid: "v1.2", decodeQLens: [4, 1] }).decodeQLens, [1, 4]);
  refuses(
    () => resolveFlags({ ...REQUIRED, decodeQLens: "1,4" }, {}),
    "Cannot use --decode-q-lens 1,4: August knows one new token a decode, and takes rows of several for rows of one; " +
      "add --grid v1.2",
  );
  refuses(
    () => resolveFlags({ ...REQUIRED, grid: "both", epDegrees: "1,2" }, {}),
    "Cannot use --ep-degrees 1,2: August knows experts on one device, and takes rows of several for rows of one; " +
      "add --grid v1.2",
  );
});

Deno.test("a message writes a flag as a shell takes it: alone when it is on, with no- when it is off", () => {
  const cases = [
    [{ maxNumSeqs: true }, "--max-num-seqs"],
    [{ maxNumSeqs: false }, "--no-max-num-seqs"],
    [{ maxNumSeqs: "true" }, "--max-num-seqs true"],
    [{ verbosity: "quiet" }, "--quiet"],
  ] as const;
  for (const [flags, shown] of cases) {
    const rule = "verbosity" in flags ? "expected silent, info or verbose" : INTEGER;
    refuses(() => resolveFlags({ ...REQUIRED, ...flags }, {}), `Cannot use ${shown}: ${rule}`);
  }
});

Deno.test("a message writes an option's value in one line, however long", () => {
  const devices = Array.from({ length: 40 }, () => 1000);
  refuses(
    () => resolveSettings({ ...REQUIRED, devices }),
    `Cannot use devices: [ ${devices.join(", ")} ]: ${DEVICES}`,
  );
});
