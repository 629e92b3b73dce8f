// deno-lint-ignore-file no-console
/**
 * All tests, TypeScript and Python, part by part, closed by one line of counts.
 *
 * @module
 */
import { execa } from "execa";
import { fileURLToPath } from "node:url";
import { runScript } from "./script.ts";
import { setup } from "./setup.ts";
import { addCounts, type Counts, countsOf, countsText } from "./test/counts.ts";
import { type Part, partLine, PARTS } from "./test/parts.ts";

const REPORTS = ".shotlab/reports";

async function runPart({ name, program, args }: Part, python: string): Promise<Counts> {
  const report = `${REPORTS}/${name}.xml`;
  await Deno.remove(report).catch(() => {});
  const filled = args.map((arg) => arg.replace("REPORT", report));
  const options = { stdio: "inherit", reject: false } as const;
  const { failed } = await execa(program === "deno" ? Deno.execPath() : python, filled, options);
  return countsOf(await Deno.readTextFile(report).catch(() => ""), !failed);
}

await runScript({ usage: "deno task test" }, async () => {
  Deno.chdir(fileURLToPath(new URL("..", import.meta.url)));
  const python = await setup({ dev: true, notebook: true, say: console.log });
  await Deno.mkdir(REPORTS, { recursive: true });
  let counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  const tookS: number[] = [];
  for (const part of PARTS) {
    console.log(`\n${partLine(PARTS, tookS)}`);
    const begun = performance.now();
    counts = addCounts(counts, await runPart(part, python));
    tookS.push((performance.now() - begun) / 1000);
  }
  const times = PARTS.map(({ name }, i) => `${name} ${Math.round(tookS[i]!)} s`);
  console.log(`\nTook ${times.join(", ")}`);
  console.log(countsText(counts));
  return counts.failed > 0 ? 1 : 0;
});
