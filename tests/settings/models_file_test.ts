/** A file of several models: what it may say, and what counts for each of them. */
import assert from "node:assert/strict";
import { parseModelsFile, resolveModels } from "../../src/settings/models_file.ts";

Deno.test("a file names models, alone or with their settings, beside settings for all", () => {
  assert.deepEqual(
    parseModelsFile("hardware: H100\nmodels:\n- a/b\n- model: c/d\n  tpDegrees: [1, 2]\n", "m.yaml"),
    { common: { hardware: "H100" }, models: [{ model: "a/b" }, { model: "c/d", tpDegrees: [1, 2] }] },
  );
  assert.deepEqual(parseModelsFile("seed: 3\n", "m.yaml"), { common: { seed: 3 }, models: null });
});

const refused: [string, string][] = [
  ["- a\n", "it must be settings, models among them"],
  ["7\n", "it must be settings, models among them"],
  ["models: a/b\n", "models must be a list"],
  ["models: []\n", "models must name one model or more"],
  ["models: [a/b, 3]\n", "models.1 must be <org>/<name>, or settings with a model among them"],
  ["models: [{seed: 1}]\n", "models.0 must be <org>/<name>, or settings with a model among them"],
];
for (const [text, rule] of refused) {
  Deno.test(`a file of models that reads ${text.trim()} is refused`, () => {
    assert.throws(() => parseModelsFile(text, "m.yaml"), {
      name: "UsageError",
      message: `Cannot read m.yaml: ${rule}`,
    });
  });
}

const FILE = parseModelsFile(
  "hardware: H100\nseed: 3\nmodels:\n- model: a/b\n  seed: 4\n- model: c/d\n  seed: 5\n",
  "m.yaml",
);

Deno.test("flags win over a model's own settings, those over the ones for all, those over the environment", () => {
  const seeds = (flags: Record<string, string | undefined>, env: Record<string, string> = {}): unknown[] =>
    resolveModels(FILE, ["a/b", "c/d", "e/f"], flags as Record<string, string>, env).map((settings) => [
      settings.model,
      settings.hardware,
      settings.seed,
    ]);
  assert.deepEqual(seeds({}), [["a/b", "H100", 4], ["c/d", "H100", 5], ["e/f", "H100", 3]]);
  assert.deepEqual(seeds({ seed: undefined }, { SEED: "9" }), seeds({}));
  assert.deepEqual(seeds({ seed: "7" }), [["a/b", "H100", 7], ["c/d", "H100", 7], ["e/f", "H100", 7]]);
});

Deno.test("a message shows a flag as it was given, and a setting of the file by its name", () => {
  const message = (flags: Record<string, string>, file = FILE): string => {
    try {
      resolveModels(file, ["a/b"], flags, {});
    } catch (error) {
      return (error as Error).message;
    }
    return "none";
  };
  const odd = { ...FILE, models: [{ model: "a/b", seed: "x" }] };
  assert.equal(message({ seed: "x" }), "Cannot use --seed x: expected an integer of at least 0");
  assert.equal(message({}, odd), 'Cannot use seed: "x": expected an integer of at least 0');
  assert.equal(
    message({}, { common: {}, models: null }),
    "No hardware given: pass --hardware <name> or set HARDWARE",
  );
});
