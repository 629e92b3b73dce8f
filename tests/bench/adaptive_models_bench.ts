// deno-lint-ignore-file no-console
/**
 * What an adaptive run of each of several models fires, alone and leaning on the models before it, as a table.
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

if (import.meta.main) {
  const script = { usage: "adaptive_models_bench.ts BUNDLE...", options: {} } as const;
  await runScript({ ...script, words: [2, Infinity] }, async (_, ...dirs) => {
    const alone: Fired[] = [];
    for (const dir of dirs) alone.push(...await firedBy([dir]));
    const leaning = await firedBy(dirs);
    for (const [at, dir] of dirs.entries()) {
      const text = ({ measured, errors: { p90 } }: EstimatedEvent): string =>
        `${measured} (${percent(p90.estimate)}, at most ${percent(p90.upper)})`.padEnd(32);
      console.log(dir);
      for (const [what, event] of alone[at]!) {
        console.log(
          [`  ${what}`.padEnd(18), text(event), text(leaning[at]!.get(what)!)].join("  ").trimEnd(),
        );
      }
      const sum = (fired: Fired): number => fired.values().reduce((sum, { measured }) => sum + measured, 0);
      console.log(`  all: ${sum(alone[at]!)} shots alone, ${sum(leaning[at]!)} leaning on the models before`);
    }
  });
}
