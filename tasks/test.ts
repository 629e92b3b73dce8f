// deno-lint-ignore-file no-console
/**
 * All tests, TypeScript and Python, closed by one line of counts.
 *
 * @module
 */
import { setup } from "./setup.ts";

const REPORTS = ".shotlab/reports";

async function suite(name: string, argv: readonly string[]): Promise<{ passed: number; failed: number }> {
  const report = `${REPORTS}/${name}.xml`;
  await Deno.remove(report).catch(() => {});
  const [program, ...args] = argv;
  const status = await new Deno.Command(program!, { args: args.map((arg) => arg.replace("REPORT", report)) })
    .spawn().status;
  const text = await Deno.readTextFile(report).catch(() => "");
  const root = /<testsuites[^>]*>\s*(?:<testsuite [^>]*>)?/.exec(text)?.[0] ?? "";
  const count = (key: string): number =>
    Math.max(0, ...[...root.matchAll(new RegExp(` ${key}="(\\d+)"`, "g"))].map((m) => Number(m[1])));
  const failed = count("failures") + count("errors");
  if (!status.success && failed === 0) return { passed: 0, failed: 1 };
  return { passed: count("tests") - failed - count("skipped"), failed };
}

const python = await setup({ dev: true, notebook: true, say: console.log });
await Deno.mkdir(REPORTS, { recursive: true });
const results = [
  await suite("deno", [
    Deno.execPath(),
    "test",
    "-A",
    "--doc",
    "--sanitize-ops",
    "--sanitize-resources",
    "--junit-path=REPORT",
  ]),
  await suite("pytest", [python, "-m", "pytest", "-q", "tests", "--junit-xml=REPORT"]),
];
const failed = results.reduce((sum, result) => sum + result.failed, 0);
console.log(`\n${results.reduce((sum, result) => sum + result.passed, 0)} passed, ${failed} failed`);
Deno.exit(failed > 0 ? 1 : 0);
