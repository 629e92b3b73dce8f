import assert from "node:assert/strict";
import { recordSmall } from "../run/small_model.ts";
import { withFolder } from "../run/tiny_run.ts";
import { countJournal, faultsOf } from "./checks.ts";
import { growthOf } from "./memory.ts";

Deno.test("soak: what is measured twice, lost, changed or left behind is found", () =>
  withFolder(async (dir) => {
    const [bundle, other] = [await recordSmall(`${dir}/a`), await recordSmall(`${dir}/b`)];
    const { shots, ...counted } = await countJournal(bundle);
    assert.ok(shots > 100);
    assert.deepEqual(counted, { repeated: 0, failures: 0, unmeasured: 0, sessions: 1, sentinels: 0 });
    assert.deepEqual(await faultsOf(bundle, other), []);

    const journal = `${bundle}/journal.jsonl`;
    const line = (type: string, key: number): string =>
      `{"type":"${type}","category":"dense","tp":1,"key":[${key}],"samples":{"embedding":[1]},` +
      `"kind":"timeout","message":"late"}\n`;
    for (const text of [line("shot", 16), line("failed", 16), line("failed", 9999)]) {
      await Deno.writeTextFile(journal, text, { append: true });
    }
    assert.deepEqual(await countJournal(bundle), {
      ...{ shots, repeated: 1, failures: 2, unmeasured: 1, sessions: 1, sentinels: 0 },
    });

    const dense = `${bundle}/tp1/dense.csv`;
    const rows = (await Deno.readTextFile(dense)).split("\n");
    await Deno.writeTextFile(dense, rows.toSpliced(1, 1).join("\n"));
    await Deno.writeTextFile(`${bundle}/tp1/dense.csv.tmp`, "");
    assert.deepEqual(await faultsOf(bundle, other), [
      `${dense} has other rows than ${other}/tp1/dense.csv`,
      "tp1/dense.csv.tmp was left",
    ]);
  }));

Deno.test("soak: memory that goes with age is told apart from that of the rows", () => {
  const samples = [20, 60, 100].flatMap((startS) =>
    [16, 40, 90].map((ageS) => {
      const journalBytes = 1000 * (startS + ageS);
      return { atS: startS + ageS, ageS, journalBytes, bytes: 1e8 + 7 * journalBytes + 6e6 * ageS / 60 };
    })
  );
  const { perJournalByte, perMinute } = growthOf([...samples, { ...samples[0]!, ageS: 3, bytes: 5e8 }]);
  assert.deepEqual([Math.round(perJournalByte), Math.round(perMinute)], [7, 6e6]);
});
