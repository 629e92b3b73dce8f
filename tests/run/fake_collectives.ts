// deno-lint-ignore-file no-console
/**
 * Stands in for harness/vllm/collectives.py: answers a job with made-up times. `--end-early` dies after the first
 * sample, `--refuse` takes no job, `--fail-group` has one group fail, `--other-driver` has another driver.
 */
import { createInterface } from "node:readline";
import process from "node:process";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const job = JSON.parse((await lines.next()).value ?? "");
const say = (fields: Record<string, unknown>): void => console.log(JSON.stringify(fields));
if (Deno.args.includes("--refuse")) {
  console.error("NCCL needs GPUs and this machine has none");
  Deno.exit(2);
}
say({
  ...{
    type: "collectives",
    format: 1,
    backend: job.backend,
    device: "made-up",
    driver: Deno.args.includes("--other-driver") ? "2" : "1",
    runtime: "torch",
  },
  ...{ engine_version: "0.26.0", graphs: job.backend === "nccl", dtype: "bfloat16", at: "now" },
  host: { processor: "made-up", cores: 2 },
});
for (const ranks of job.ranks) {
  for (const way of job.ways) {
    if (Deno.args.includes("--fail-group") && way === "vllm") {
      say({ type: "failed", name: `vllm, ${ranks} ranks`, message: "rank 1 ended with status -9" });
      continue;
    }
    for (const collective of job.collectives) {
      for (const bytes of job.sizes) {
        const us = (way === "vllm" ? 5 : 10) * (ranks - 1) + bytes / 1e5;
        const trials = Array.from({ length: job.trials }, () => us);
        const name = way === "torch" ? job.backend : way;
        const done: unknown[][] = job.done ?? [];
        if (done.some((one) => one.join() === [ranks, name, collective, bytes].join())) continue;
        say({ type: "sample", ranks, way: name, collective, bytes, calls: 100, us, trials_us: trials });
        if (Deno.args.includes("--end-early")) {
          console.error("the device is gone");
          Deno.exit(3);
        }
      }
    }
  }
}
say({ type: "done", seconds: 1, failed: 0 });
Deno.exit(0);
