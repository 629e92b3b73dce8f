import assert from "node:assert/strict";
import type { HarnessInfo } from "../../src/harness/harness.ts";
import { joinedInfo, kindDifferences } from "../../src/workers/alike.ts";

const INFO: HarnessInfo = {
  harness: "fake",
  harness_version: "1",
  engine: "fake",
  engine_version: "1.0",
  device: "AMD EPYC",
  driver: "none",
  runtime: "wood",
  quantities: ["wall"],
  lanes: 1,
};
const ZEN3 = { name: "AMD EPYC", cores: 2, instruction_sets: ["avx2"] };
const ZEN4 = { name: "AMD EPYC", cores: 4, instruction_sets: ["avx2", "avx512_bf16"] };

Deno.test("kindDifferences: processors of one name differ by instruction sets and cores", () => {
  const named = (
    name: string,
    processor?: HarnessInfo["processor"],
  ): Parameters<typeof kindDifferences>[0] => [
    { name, info: { ...INFO, ...processor && { processor } } },
  ];
  assert.deepEqual(kindDifferences([...named("a", ZEN3), ...named("b", ZEN4)]), [
    "processor AMD EPYC (2 cores; avx2) on a, AMD EPYC (4 cores; avx2 avx512_bf16) on b",
  ]);
  assert.deepEqual(kindDifferences([...named("a", ZEN3), ...named("b", { ...ZEN3 })]), []);
  assert.deepEqual(
    kindDifferences([...named("a"), ...named("b", ZEN4)]),
    [],
    "who tells nothing does not differ",
  );
});

Deno.test("joinedInfo: processors have together what each of them has", () => {
  assert.deepEqual(joinedInfo([INFO, { ...INFO, processor: ZEN4 }, { ...INFO, processor: ZEN3 }]), {
    ...INFO,
    lanes: 3,
    processor: ZEN3,
  });
  assert.deepEqual(joinedInfo([INFO, INFO]), { ...INFO, lanes: 2 });
});

Deno.test("joinedInfo: words that differ are joined once each, quantities are those of all, lanes add up", () => {
  const other = { ...INFO, device: "Loom", driver: "560", quantities: ["kernel", "wall"] as const, lanes: 4 };
  assert.deepEqual(joinedInfo([{ ...INFO, quantities: ["wall", "event"] }, other, other]), {
    ...INFO,
    device: "AMD EPYC + Loom",
    driver: "none + 560",
    quantities: ["wall"],
    lanes: 9,
  });
});

Deno.test("joinedInfo: one harness alone is itself; quantities keep the first one's order", () => {
  assert.deepEqual(joinedInfo([INFO]), INFO);
  const [two, other] = [["wall", "event"], ["event", "kernel", "wall"]] as const;
  assert.deepEqual(
    joinedInfo([{ ...INFO, quantities: two }, { ...INFO, quantities: other }]).quantities,
    two,
  );
  assert.deepEqual(joinedInfo([{ ...INFO, quantities: other }, { ...INFO, quantities: two }]).quantities, [
    "event",
    "wall",
  ]);
});
