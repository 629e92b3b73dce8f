import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { refuseLinks } from "../../src/files/links.ts";
import { UsageError } from "../../src/errors.ts";

const BUNDLE = "H100/org/name/bf16";

Deno.test("refuseLinks names the link on the way to a bundle or in it", async () => {
  for (
    const link of [
      "H100",
      "H100/org",
      "H100/org/name",
      BUNDLE,
      `${BUNDLE}/tp1`,
      `${BUNDLE}/.lock`,
      `${BUNDLE}/journal.jsonl`,
      `${BUNDLE}/meta.yaml.tmp`,
      `${BUNDLE}/tp1/dense.csv.tmp`,
    ]
  ) {
    for (const target of ["/etc", "nowhere", "/dev/null"]) {
      await using perf = await folder();
      const path = join(perf.path, link);
      await Deno.mkdir(dirname(path), { recursive: true });
      await Deno.symlink(target, path);
      await assert.rejects(
        refuseLinks(perf.path, join(perf.path, BUNDLE)),
        new UsageError(
          `Cannot write to ${path}: it is a link to ${target}, and a bundle is written only where it is; ` +
            "remove the link, or choose the folder that it points to as perfDir (--perf-dir)",
        ),
      );
    }
  }
});

Deno.test("refuseLinks lets a bundle without links be, there or not, also when perfDir is a link", async () => {
  await using perf = await folder();
  const linked = `${perf.path}/linked`;
  await Deno.mkdir(`${perf.path}/real`);
  await Deno.symlink("real", linked);
  await refuseLinks(linked, join(linked, BUNDLE));
  await Deno.mkdir(join(linked, BUNDLE, "tp1"), { recursive: true });
  await Deno.writeTextFile(join(linked, BUNDLE, "tp1/dense.csv"), "");
  await refuseLinks(linked, join(linked, BUNDLE));
});

async function folder(): Promise<AsyncDisposable & { path: string }> {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

Deno.test("refuseLinks leaves a file in the way to those who write", async () => {
  await using perf = await folder();
  await Deno.mkdir(join(perf.path, "H100/org"), { recursive: true });
  await Deno.writeTextFile(join(perf.path, "H100/org/name"), "");
  await refuseLinks(perf.path, join(perf.path, BUNDLE));
  await refuseLinks(perf.path, join(perf.path, "H100/org/name"));
});
