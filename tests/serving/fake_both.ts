/** Stands in for a worker and, given a job, for harness/vllm/served.py, or with `--ranks` for collectives.py. */
const program = Deno.args.includes("--ranks") ? "../run/fake_collectives.ts" : "./fake_served.ts";
await import(Deno.args.includes("--job") ? program : "../bench/instant_worker.ts");
