// deno-lint-ignore-file no-console
/**
 * Stands in for harness/vllm/served.py: answers a job with one step a request. `--end-early` leaves the end out,
 * `--fail-load` has a load fail beside, `--well` has no batch fail, `--log` tells what it does.
 */
import { createInterface } from "node:readline";
import process from "node:process";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const job = JSON.parse((await lines.next()).value ?? "");
const early = Deno.args.includes("--end-early");
const say = (fields: Record<string, unknown>): void => console.log(JSON.stringify(fields));
say({
  type: "served",
  format: 1,
  ...{ model: job.model, hardware: job.hardware, variant: job.variant, tp: job.tp },
  ...{ engine: "vllm", engine_version: "0.26.0", device: Deno.env.get("FAKE_DEVICE") ?? "made-up" },
  ...{ driver: "1", runtime: "torch", host: { processor: "made-up", cores: 2 }, memory: {} },
  settings: {
    max_num_batched_tokens: job.engine.max_num_batched_tokens,
    max_num_seqs: job.engine.max_num_seqs,
    max_model_len: job.engine.max_model_len,
    ...{ block_size: 16, num_gpu_blocks: 1000, dtype: job.engine.dtype, kv_cache_dtype: "auto" },
    ...{ enforce_eager: job.engine.enforce_eager, graphs: "none", captured_sizes: [] },
    ...{ async_scheduling: job.engine.async_scheduling, prefix_caching: false },
  },
});
if (Deno.args.includes("--log")) console.error("capturing graphs");
const unmeasured = { launch_us: null, span_us: null, kernel_us: null };
for (const { name, requests } of job.loads) {
  for (const [at, [arrival, input, output]] of requests.entries()) {
    const times = { scheduled_s: at, output_s: at + 0.01, host_us: 500, ...unmeasured };
    say({ type: "step", part: `load: ${name}`, batch: [[input, 0, 1]], ...times });
    say({
      type: "request",
      part: `load: ${name}`,
      ...{ arrival_s: arrival, input_tokens: input, output_tokens: output },
      ...{ first_s: arrival + 0.01, last_s: arrival + 0.01 + 0.002 * (output - 1) },
      itl_us: Array(output - 1).fill(2000),
    });
  }
}
if (job.scenes.length > 0 && !Deno.args.includes("--well")) {
  say({ type: "failed", name: job.scenes[0].name, message: "it does not fit the engine" });
}
if (Deno.args.includes("--fail-load")) say({ type: "failed", name: "load: late", message: "out of memory" });
if (early) {
  console.error("the device is gone");
  Deno.exit(3);
}
say({ type: "done", seconds: 1 });
Deno.exit(0);
