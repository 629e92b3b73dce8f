/** Stands in for a worker and, given a job, for harness/vllm/served.py. */
await import(Deno.args.includes("--job") ? "./fake_served.ts" : "../bench/instant_worker.ts");
