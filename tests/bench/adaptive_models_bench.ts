// deno-lint-ignore-file no-console
/**
 * What adaptive runs of several models fire, each leaning on the models before it, and the last one also alone.
 *
 * Bundle folders are the arguments, in the order of the models; their tables are replayed.
 *
 * @module
 */
import type { EstimatedEvent } from "../../src/events.ts";
import { openBundle } from "../../src/bundle/open.ts";
import { profileAll } from "../../src/run/profile_all.ts";
import { percent } from "../../src/stats.ts";
import { runScript } from "../../tasks/script.ts";

/** What 90% of the rows are to stay within. */
const ERROR = 0.05;

/** What a degree fires, by category. */
type Fired = Map<string, EstimatedEvent>;

async function firedBy(dirs: readonly string[]): Promise<Fired[]> {
  const perfDir = await Deno.makeTempDir();
  const fired: Fired[] = [];
  const bundles = await Promise.all(dirs.map((dir) => openBundle(dir)));
  try {
    await profileAll({
      hardware: bundles[0]!.meta.hardware!,
      perfDir,
      adaptive: { error: ERROR },
      models: bundles.map(({ dir, meta, tps }) => ({
        model: meta.model!,
        harness: `replay:${dir}`,
        tpDegrees: tps,
      })),
    }, {
      onEvent(event): void {
        if (event.type === "starting") fired.push(new Map());
        if (event.type === "estimated") fired.at(-1)!.set(`tp${event.tp} ${event.category}`, event);
      },
    });
  } finally {
    await Deno.remove(perfDir, { recursive: true });
  }
  return fired;
}

function print(name: string, fired: Fired): void {
  const shots = fired.values().reduce((sum, { measured }) => sum + measured, 0);
  console.log(`${name}: ${shots} shots`);
  for (const [what, { measured, errors: { p90 } }] of fired) {
    console.log(
      `  ${what}: ${measured}, 90% of all within ${percent(p90.estimate)}, at most ${percent(p90.upper)}`,
    );
  }
}

if (import.meta.main) {
  const script = { usage: "adaptive_models_bench.ts BUNDLE...", options: {} } as const;
  await runScript({ ...script, words: [2, Infinity] }, async (_, ...dirs) => {
    const leaning = await firedBy(dirs);
    const [alone] = await firedBy(dirs.slice(-1));
    for (const [at, dir] of dirs.entries()) print(dir, leaning[at]!);
    print(`${dirs.at(-1)} alone`, alone!);
  });
}
