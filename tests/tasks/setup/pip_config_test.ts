import assert from "node:assert/strict";
import { uvConfig } from "../../../tasks/setup/pip_config.ts";

Deno.test("uv is told of indexes, folders and proxies as pip is", () => {
  const cases: [listed: string, args: string[], env: Record<string, string>][] = [
    ["", [], {}],
    ["global.index-url='https://a.example/simple'", ["--default-index", "https://a.example/simple"], {}],
    [
      "global.extra-index-url='file:///one file:///two'",
      ["--index", "file:///one", "--index", "file:///two"],
      {},
    ],
    [
      "global.find-links='\\n/wheels\\nhttps://b.example/wheels'",
      ["--find-links", "/wheels", "--find-links", "https://b.example/wheels"],
      {},
    ],
    ["global.constraint='/etc/c.txt'", ["--constraint", "/etc/c.txt"], {}],
    ["global.trusted-host='mirror.example'", ["--allow-insecure-host", "mirror.example"], {}],
    ["install.no-index='yes'\r", ["--no-index"], {}],
    ["install.no-index='false'", [], {}],
    [
      ":env:.cert='/ca.pem'\n:env:.proxy='http://proxy:3128'\n:env:.default-timeout='180'",
      [],
      { SSL_CERT_FILE: "/ca.pem", ALL_PROXY: "http://proxy:3128", UV_HTTP_TIMEOUT: "180" },
    ],
    [':env:.index-url="https://it\'s.example"', ["--default-index", "https://it's.example"], {}],
    ["global.disable-pip-version-check='1'\nlist.format='json'\nwarning: a line of another kind", [], {}],
  ];
  for (const [listed, args, env] of cases) assert.deepEqual(uvConfig(listed), { args, env }, listed);
});

Deno.test("variables overrule the section of install, which overrules the global one", () => {
  const lines = [
    ":env:.index-url='https://env'",
    "global.index-url='https://global'",
    "install.index-url='https://install'",
  ];
  assert.deepEqual(uvConfig(lines.join("\n")), { args: ["--default-index", "https://env"], env: {} });
  assert.deepEqual(uvConfig(lines.slice(1).join("\n")), {
    args: ["--default-index", "https://install"],
    env: {},
  });
});

Deno.test("an option that changes what is installed and that uv does not know is named", () => {
  assert.equal(uvConfig("global.index-url='https://a'\nglobal.require-hashes='true'"), "require-hashes");
});
