import assert from "node:assert/strict";
import { launchNews, newLaunches } from "../../src/journal/launches.ts";
import type { JournalLine } from "../../src/journal/line.ts";

const SESSION = { type: "session" } as JournalLine;
const shot = (tokens: number, layer: string, ...kernels: string[]): JournalLine => ({
  ...{ type: "shot", category: "dense", tp: 1, key: [tokens] },
  ...{ samples: { [layer]: [5] }, kernels: { [layer]: kernels } },
});
const sentinel = (...kernels: string[]): JournalLine =>
  ({
    ...{ type: "sentinel", category: "attention", tp: 1, key: [0, 0, 4, 64] },
    ...{ samples: { attention: [5] }, clock_mhz: null, kernels: { attention: kernels } },
  }) as JournalLine;

const CASES: Record<string, [lines: JournalLine[], changed: [string, string][]]> = {
  "the same kernels in two sessions": [
    [SESSION, shot(16, "o_proj", "a"), SESSION, shot(16, "o_proj", "a")],
    [],
  ],
  "kernels in another order": [[SESSION, shot(16, "moe", "a", "b"), SESSION, shot(16, "moe", "b", "a")], []],
  "other kernels at another size": [[SESSION, shot(16, "o_proj", "a"), SESSION, shot(32, "o_proj", "b")], []],
  "other kernels within a session": [[SESSION, shot(16, "o_proj", "a"), shot(16, "o_proj", "b")], []],
  "another kernel in a later session": [
    [SESSION, shot(16, "o_proj", "a"), SESSION, shot(16, "o_proj", "b")],
    [["o_proj", "dense tp1 16"]],
  ],
  "a kernel more": [
    [SESSION, shot(16, "o_proj", "a"), SESSION, shot(16, "o_proj", "a", "a")],
    [["o_proj", "dense tp1 16"]],
  ],
  "the sentinel of another backend": [
    [SESSION, sentinel("flash"), SESSION, sentinel("flashinfer")],
    [["attention", "attention tp1 0,0,4,64"]],
  ],
  "a harness that does not tell": [
    [SESSION, shot(16, "o_proj", "a"), SESSION, {
      ...{ type: "shot", category: "dense", tp: 1, key: [16], samples: { o_proj: [5] } } as const,
    }],
    [],
  ],
};
for (const [what, [lines, changed]] of Object.entries(CASES)) {
  Deno.test(`launches of ${what}`, () => {
    const launches = newLaunches();
    for (const line of lines) launches.take(line);
    assert.deepEqual([...launches.changed], changed);
  });
}

Deno.test("launchNews names the layer and the first shot", () => {
  assert.deepEqual(launchNews(new Map([["attention", "attention tp1 0,0,4,64"]])), [
    "Layer 'attention' launches other kernels than in an earlier session (attention tp1 0,0,4,64): with another " +
    "backend or library, rows of before and after may not belong together",
  ]);
});
