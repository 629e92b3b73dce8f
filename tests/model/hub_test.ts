import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import { downloadConfig, hubOf, storedToken } from "../../src/model/hub.ts";
import { variantName } from "../../src/model/variant.ts";
import { loadModel } from "../../src/model/load_model.ts";
import { halfAnswer, serve } from "./fake_hub.ts";

const CONFIG = JSON.stringify({ model_type: "llama", hidden_size: 64 });
const TOKEN = "hf_secretsecret";
const ID = "org/name";

Deno.test("hubOf reads the environment as the hub's own tools do", () => {
  const cases: readonly [env: Record<string, string>, string, string | null, boolean][] = [
    [{}, "https://huggingface.co", null, false],
    [{ HF_ENDPOINT: "", HF_TOKEN: "", HF_HUB_OFFLINE: "" }, "https://huggingface.co", null, false],
    [
      { HF_ENDPOINT: "http://mirror:8080/hf/", HF_TOKEN: ` ${TOKEN}\n` },
      "http://mirror:8080/hf",
      TOKEN,
      false,
    ],
    [{ HF_HUB_OFFLINE: "1" }, "https://huggingface.co", null, true],
    [{ HF_HUB_OFFLINE: "True" }, "https://huggingface.co", null, true],
    [{ HF_HUB_OFFLINE: "0" }, "https://huggingface.co", null, false],
  ];
  for (const [env, endpoint, token, offline] of cases) {
    assert.deepEqual(hubOf(env), { endpoint, token, offline });
  }
});

Deno.test("hubOf refuses what is no address or no token, without showing it", () => {
  for (
    const value of [
      "mirror",
      "ftp://mirror",
      "https://me:pass@mirror",
      "https://mirror/?token=x",
      "file:///x",
    ]
  ) {
    assert.throws(
      () => hubOf({ HF_ENDPOINT: value }),
      new UsageError(
        "Cannot use HF_ENDPOINT: expected an address such as https://huggingface.co, without a user name, " +
          "a query or a fragment (its value is not shown)",
      ),
    );
  }
  for (const value of ["two words", "a\nb", "é"]) {
    assert.throws(
      () => hubOf({ HF_TOKEN: value }),
      new UsageError("Cannot use HF_TOKEN: expected ASCII without blanks (its value is not shown)"),
    );
  }
});

Deno.test("loadModel downloads a config once and keeps it as the hub has it", async () => {
  await using hub = serve(() => new Response(CONFIG));
  await using folder = await configFolder();
  const told: string[] = [];
  const options = { configDir: folder.path, env: { HF_ENDPOINT: hub.endpoint }, onDownload: note(told) };
  const path = `${folder.path}/model/org/name.json`;
  assert.equal((await loadModel(ID, options)).config.hidden_size, 64);
  assert.equal(await Deno.readTextFile(path), CONFIG);
  assert.equal((await loadModel(ID, { ...options, env: { HF_HUB_OFFLINE: "1" } })).config.hidden_size, 64);
  assert.deepEqual(hub.asked, [
    "/org/name/resolve/main/config.json",
    "/org/name/resolve/main/hf_quant_config.json",
  ]);
  assert.equal((await loadModel(ID, options)).revision, "main", "the hub does not tell its commit");
  assert.deepEqual(told, [`The config of ${ID} (main) was downloaded from ${hub.endpoint} to ${path}`]);
});

Deno.test("loadModel keeps what a checkpoint says of its weights in a file of its own with the config", async () => {
  const beside =
    `{ "producer": { "name": "modelopt" }, "quantization": { "quant_algo": "NVFP4", "group_size": 16,
    "kv_cache_quant_algo": "FP8", "exclude_modules": ["lm_head"] } }`;
  const config = CONFIG.replace("64", "64.0");
  const answers: Record<string, Response> = {
    "config.json": new Response(config),
    "hf_quant_config.json": new Response(beside),
  };
  await using hub = serve(({ url }) => answers[url.split("/").at(-1)!]!);
  await using folder = await configFolder();
  const options = { configDir: folder.path, env: { HF_ENDPOINT: hub.endpoint } };
  const found = await loadModel(ID, options);
  assert.deepEqual(found.config.quantization_config, { quant_method: "modelopt", ...JSON.parse(beside) });
  assert.equal(
    variantName({ config: found.config, dtype: null, kvCacheDtype: null, variant: null }),
    "nvfp4-kvfp8",
  );
  assert.match(
    await Deno.readTextFile(`${folder.path}/model/org/name.json`),
    /64\.0/,
    "as the hub writes it",
  );
  assert.deepEqual(await loadModel(ID, options), found);
  assert.equal(hub.asked.length, 2);
});

Deno.test("loadModel asks a checkpoint that says it in its config for nothing else, and takes no for an answer", async () => {
  const quantized = CONFIG.replace("{", '{ "quantization_config": { "quant_method": "fp8" },');
  for (const [config, asked] of [[quantized, 1], [CONFIG, 2]] as const) {
    await using hub = serve(({ url }) =>
      url.endsWith("/config.json") ? new Response(config) : new Response(null, { status: 404 })
    );
    await using folder = await configFolder();
    await loadModel(ID, { configDir: folder.path, env: { HF_ENDPOINT: hub.endpoint } });
    assert.equal(hub.asked.length, asked);
  }
  await using hub = serve(({ url }) =>
    url.endsWith("/config.json") ? new Response(CONFIG) : new Response(null, { status: 503 })
  );
  await using folder = await configFolder();
  await assert.rejects(
    loadModel(ID, { configDir: folder.path, env: { HF_ENDPOINT: hub.endpoint } }),
    new UsageError(`Cannot download model '${ID}': ${hub.endpoint} answers 503; run again later`),
  );
});

Deno.test("loadModel keeps another revision apart", async () => {
  await using hub = serve(() => new Response(CONFIG));
  await using folder = await configFolder();
  const options = { configDir: folder.path, env: { HF_ENDPOINT: hub.endpoint } };
  await loadModel(ID, { ...options, revision: "refs/pr/1" });
  await loadModel(ID, { ...options, revision: "refs/pr/1" });
  await loadModel(ID, { ...options, revision: null });
  assert.deepEqual(hub.asked.filter((path) => path.endsWith("/config.json")), [
    "/org/name/resolve/refs%2Fpr%2F1/config.json",
    "/org/name/resolve/main/config.json",
  ]);
  const names = [...Deno.readDirSync(`${folder.path}/model/org`)].map(({ name }) => name).sort();
  assert.deepEqual(names, [
    ...["name.json", "name.revision", "name@refs%2Fpr%2F1.json", "name@refs%2Fpr%2F1.revision"],
  ]);
});

Deno.test("loadModel tells the commit of a downloaded config, until somebody changes the file", async () => {
  const commit = "0123456789abcdef0123456789abcdef01234567";
  await using hub = serve(() => new Response(CONFIG, { headers: { "x-repo-commit": commit } }));
  await using folder = await configFolder();
  const options = { configDir: folder.path, env: { HF_ENDPOINT: hub.endpoint } };
  assert.equal((await loadModel(ID, options)).revision, commit);
  assert.equal((await loadModel(ID, options)).revision, commit);
  await Deno.writeTextFile(`${folder.path}/model/org/name.json`, CONFIG.replace("64", "128"));
  assert.equal((await loadModel(ID, options)).revision, undefined);
  assert.equal((await loadModel("Qwen/Qwen3-0.6B")).revision, undefined);
});

Deno.test("loadModel does not ask the hub when it must not, nor for ids that are none", async () => {
  await using hub = serve(() => new Response(CONFIG));
  await using folder = await configFolder();
  const options = { configDir: folder.path, env: { HF_ENDPOINT: hub.endpoint, HF_HUB_OFFLINE: "1" } };
  const path = `${folder.path}/model/org/name.json`;
  await assert.rejects(
    loadModel(ID, options),
    new UsageError(
      `Cannot load model '${ID}': ${folder.path}/model does not have it (the command models lists what it has); unset HF_HUB_OFFLINE to download it, ` +
        `or save its config.json from the hub as ${path}`,
    ),
  );
  await assert.rejects(
    loadModel(ID, { configDir: folder.path, env: { HF_ENDPOINT: hub.endpoint }, download: false }),
    new UsageError(
      `Cannot load model '${ID}': ${folder.path}/model does not have it (the command models lists what it has); save its config.json from the hub as ${path}`,
    ),
  );
  for (const id of ["gpt2", "a/b/c", "../x", "org/..", "org/.ssh", "org/nul", "org/a\0b", "/etc/x"]) {
    await assert.rejects(
      loadModel(id, { ...options, env: { HF_ENDPOINT: hub.endpoint } }),
      /Cannot name a folder/,
    );
  }
  assert.deepEqual(hub.asked, []);
});

Deno.test("downloadConfig sends the token to the hub, and to nobody that it points to", async () => {
  const seen: (string | null)[] = [];
  await using storage = serve((
    request,
  ) => (seen.push(request.headers.get("authorization")), new Response(CONFIG)));
  await using hub = serve((request) => {
    seen.push(request.headers.get("authorization"));
    return Response.redirect(`${storage.endpoint}/blob`, 307);
  });
  await downloadConfig(ID, { endpoint: hub.endpoint, token: TOKEN, revision: "main" });
  await downloadConfig(ID, { endpoint: hub.endpoint, token: null, revision: "main" });
  assert.deepEqual(seen, [`Bearer ${TOKEN}`, null, null, null]);
});

Deno.test("downloadConfig bounds size and time, and tells a download that broke off or found nobody", async () => {
  const remedy = "check the network, HF_ENDPOINT and the proxy, and run again";
  const url = (endpoint: string): string => `${endpoint}/org/name/resolve/main/config.json`;
  const attempt = (endpoint: string, timeoutMs = 5000): Promise<string> =>
    downloadConfig(ID, { endpoint, token: TOKEN, revision: "main", timeoutMs }).then(({ text }) => text);
  {
    await using hub = serve(() => new Response(`{"a":"${"x".repeat(2 ** 22)}"}`));
    await assert.rejects(
      attempt(hub.endpoint),
      new UsageError(
        `Cannot download model '${ID}': ${url(hub.endpoint)} could not be read ` +
          `(it has more than 4194304 bytes, the most that is read); ${remedy}`,
      ),
    );
  }
  {
    const most = `{"a":"${"x".repeat(2 ** 22 - 8)}"}`;
    await using hub = serve(() => new Response(most));
    assert.equal((await attempt(hub.endpoint)).length, 2 ** 22);
  }
  {
    using hub = halfAnswer();
    await assert.rejects(attempt(hub.endpoint), (error: Error) => {
      assert.ok(error instanceof UsageError);
      assert.ok(
        error.message.startsWith(`Cannot download model '${ID}': ${url(hub.endpoint)} could not be read (`),
      );
      assert.ok(error.message.endsWith(`); ${remedy}`) && !error.message.includes(TOKEN));
      return true;
    });
  }
  {
    const { promise, resolve } = Promise.withResolvers<Response>();
    await using hub = serve(() => promise);
    await assert.rejects(
      attempt(hub.endpoint, 50),
      new UsageError(
        `Cannot download model '${ID}': ${url(hub.endpoint)} could not be read ` +
          `(no whole answer within 0.05 s); ${remedy}`,
      ),
    );
    resolve(new Response(CONFIG));
  }
  const gone = await (async () => {
    await using hub = serve(() => new Response(CONFIG));
    return hub.endpoint;
  })();
  await assert.rejects(attempt(gone), /could not be read \(.*(refused|connect).*\); check the network/i);
});

Deno.test("a download that fails leaves nothing behind, and one that is aborted throws the reason", async () => {
  await using hub = serve(() => new Response(CONFIG.slice(1)));
  await using folder = await configFolder();
  const options = { configDir: folder.path, env: { HF_ENDPOINT: hub.endpoint, HF_TOKEN: TOKEN } };
  await assert.rejects(loadModel(ID, options), UsageError);
  const reason = new Error("enough");
  await assert.rejects(loadModel(ID, { ...options, signal: AbortSignal.abort(reason) }), reason);
  await assert.rejects(Deno.stat(`${folder.path}/model`), Deno.errors.NotFound);
});

async function configFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await Deno.makeTempDir();
  await Deno.mkdir(`${path}/architecture`);
  await Deno.copyFile("configs/architecture/llama.yaml", `${path}/architecture/llama.yaml`);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

function note(told: string[]): (message: string) => void {
  return (message) => void told.push(message);
}

Deno.test("the token that the hub's own login stores is read from where that keeps it", async () => {
  const home = await Deno.makeTempDir();
  const put = async (path: string, text: string): Promise<string> => {
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(path, text);
    return path;
  };
  await put(`${home}/.cache/huggingface/token`, "hf_home\n");
  await put(`${home}/xdg/huggingface/token`, "hf_xdg");
  await put(`${home}/hf/token`, "hf_hf");
  const other = await put(`${home}/other`, "hf_path");
  const broken = await put(`${home}/broken`, "two words");
  const cases: readonly [env: Record<string, string>, token: string | null][] = [
    [{}, null],
    [{ HOME: home }, "hf_home"],
    [{ HOME: home, XDG_CACHE_HOME: `${home}/xdg` }, "hf_xdg"],
    [{ HOME: home, XDG_CACHE_HOME: `${home}/xdg`, HF_HOME: `${home}/hf` }, "hf_hf"],
    [{ HOME: home, HF_TOKEN_PATH: other }, "hf_path"],
    [{ HOME: home, HF_TOKEN_PATH: broken }, null],
    [{ HOME: `${home}/none` }, null],
    [{ HOME: home, HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" }, null],
  ];
  for (const [env, token] of cases) assert.equal(await storedToken(env), token, JSON.stringify(env));
  await Deno.remove(home, { recursive: true });
});
