import assert from "node:assert/strict";
import { plural } from "../../src/count_text.ts";
import { UsageError } from "../../src/errors.ts";
import { downloadConfig } from "../../src/model/hub.ts";
import { serve } from "./fake_hub.ts";

const CONFIG = JSON.stringify({ model_type: "llama", hidden_size: 64 });
const TOKEN = "hf_secretsecret";
const ID = "org/name";

Deno.test("downloadConfig says what a refusal means and what to do", async () => {
  const gated = { "x-error-code": "GatedRepo" };
  const cases: readonly [number, Record<string, string>, token: string | null, (hub: string) => string][] = [
    [
      401,
      gated,
      null,
      (hub) =>
        `it is gated (401); accept its terms at ${hub}/org/name, and set HF_TOKEN to a token of that account`,
    ],
    [
      403,
      gated,
      TOKEN,
      (hub) =>
        `it is gated (403); accept its terms at ${hub}/org/name with the account of HF_TOKEN, or set the token of ` +
        "one that has",
    ],
    [
      403,
      {},
      null,
      (hub) =>
        `it is gated (403); accept its terms at ${hub}/org/name, and set HF_TOKEN to a token of that account`,
    ],
    [
      401,
      { "x-error-code": "RepoNotFound" },
      null,
      () => "there is no such public model (401); check the name, or set HF_TOKEN if it is private or gated",
    ],
    [
      401,
      {},
      TOKEN,
      (hub) =>
        "HF_TOKEN is not accepted, or may not see such a model (401); check the name, or make another token at " +
        `${hub}/settings/tokens`,
    ],
    [404, {}, TOKEN, (hub) => `there is no such model at ${hub} (404); check the name`],
    [
      404,
      { "x-error-code": "RevisionNotFound" },
      null,
      (hub) =>
        `it has no revision 'v2' (404); choose one of ${hub}/org/name/tree/main, or leave revision (--revision) out`,
    ],
    [
      404,
      { "x-error-code": "EntryNotFound" },
      null,
      (hub) =>
        `it has no config.json (404); choose a model in the format of transformers: see ${hub}/org/name/tree/v2`,
    ],
    [429, {}, null, (hub) => `${hub} answers too many requests (429); wait a while, or set HF_TOKEN`],
    [503, {}, null, (hub) => `${hub} answers 503; run again later`],
  ];
  for (const [status, headers, token, reason] of cases) {
    await using hub = serve(() => new Response(`no, ${token}`, { status, headers }));
    await assert.rejects(
      downloadConfig(ID, { endpoint: hub.endpoint, token, revision: "v2" }),
      new UsageError(`Cannot download model '${ID}': ${reason(hub.endpoint)}`),
    );
  }
});

Deno.test("downloadConfig refuses an answer that is no JSON object, without showing it", async () => {
  for (const body of ["<html>hf_secretsecret</html>", "[1]", "null", "", CONFIG.slice(0, -1), "7"]) {
    await using hub = serve(() => new Response(body, { headers: { "content-type": "text/html" } }));
    await assert.rejects(
      downloadConfig(ID, { endpoint: hub.endpoint, token: TOKEN, revision: "main" }),
      new UsageError(
        `Cannot download model '${ID}': ${hub.endpoint}/org/name/resolve/main/config.json answers no JSON object ` +
          `but ${
            plural(body.length, "character")
          } of text/html; check HF_ENDPOINT and the proxy, and run again if it broke off`,
      ),
    );
  }
});

Deno.test("an answer of no type is told to have none", async () => {
  await using hub = serve(() => new Response(new Uint8Array([0x37])));
  await assert.rejects(
    downloadConfig(ID, { endpoint: hub.endpoint, token: null, revision: "main" }),
    new UsageError(
      `Cannot download model '${ID}': ${hub.endpoint}/org/name/resolve/main/config.json answers no JSON object ` +
        "but 1 character of no type; check HF_ENDPOINT and the proxy, and run again if it broke off",
    ),
  );
});
