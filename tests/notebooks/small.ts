/** Notebooks as tests run them: with a model and a grid that take seconds on any processor, in files of their own. */
import assert from "node:assert/strict";
import { resolve } from "node:path";

/** A layer of a few thousand parameters, of an architecture that the engine measures. */
const TINY = {
  architectures: ["Qwen3ForCausalLM"],
  model_type: "qwen3",
  torch_dtype: "float32",
  hidden_size: 128,
  intermediate_size: 256,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 32,
  vocab_size: 512,
  max_position_embeddings: 4096,
  hidden_act: "silu",
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  tie_word_embeddings: true,
};

/** What is written in place of what. */
type Change = readonly [from: string, to: string];

/** Changes of one notebook, by its name; each text is there once. */
function changesOf(name: string, configDir: string): readonly Change[] {
  const tiny = `"tiny/qwen3"`;
  const dir = `configDir: ${JSON.stringify(configDir)}`;
  return ({
    "01-quickstart.ipynb": [
      [`model: "Qwen/Qwen3-0.6B",`, `model: ${tiny}, ${dir},`],
      [`loadModel("Qwen/Qwen3-0.6B")`, `loadModel(${tiny}, { ${dir} })`],
    ],
    "02-new-hardware.ipynb": [[`shares: [0.05, 0.1, 0.2]`, `shares: [0.05]`]],
  } as Readonly<Record<string, readonly Change[]>>)[name] ?? [];
}

/**
 * Writes a notebook that measures little.
 *
 * @param dir Folder of the notebook.
 * @param name Its name.
 * @param out An empty folder: the small notebook is written into it, and writes its bundles there.
 */
export async function writeSmall(dir: string, name: string, out: string): Promise<void> {
  const configs = `${out}/configs`;
  await Deno.mkdir(`${configs}/model/tiny`, { recursive: true });
  await Deno.writeTextFile(`${configs}/model/tiny/qwen3.json`, JSON.stringify(TINY));
  for (const kind of ["architecture", "hardware"]) {
    await Deno.symlink(resolve("configs", kind), `${configs}/${kind}`);
  }
  const notebook = JSON.parse(await Deno.readTextFile(`${dir}/${name}`));
  const sources: string[] = notebook.cells.map(({ source }: { source: string | string[] }) =>
    [source].flat().join("")
  );
  for (const [from, to] of changesOf(name, configs)) {
    const places = sources.flatMap((source, i) => source.split(from).length === 2 ? [i] : []);
    assert.equal(places.length, 1, `${name} has ${from} once`);
    sources[places[0]!] = sources[places[0]!]!.replace(from, () => to);
  }
  for (const [i, cell] of notebook.cells.entries()) {
    cell.source = sources[i]!.replaceAll("../.shotlab/notebooks", `${out}/perf`);
  }
  await Deno.writeTextFile(`${out}/${name}`, JSON.stringify(notebook));
}
