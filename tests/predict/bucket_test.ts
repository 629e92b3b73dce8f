import assert from "node:assert/strict";
import {
  binOf,
  bucketLabels,
  bucketNumber,
  bucketOfRow,
  DEFAULT_BUCKET_AXES,
  numberBuckets,
} from "../../src/predict/bucket.ts";

Deno.test("binOf includes a bin's upper edge and puts what lies beyond into the last bin", () => {
  const bins = [-1, 0, 512, 1000];
  const table = [[0, 0], [1, 1], [512, 1], [513, 2], [5000, 2]] as const;
  for (const [value, bin] of table) assert.equal(binOf(bins, value), bin, `${value}`);
});

Deno.test("bucketNumber and bucketLabels agree, each bucket has its own number", () => {
  const numbering = numberBuckets(DEFAULT_BUCKET_AXES);
  const numbers = new Set<number>();
  for (const n of [2, 64, 300]) {
    for (const rate of [0, 0.5, 1]) {
      for (const kv of [100, 5000, 20_000]) {
        for (const kp of [0, 2048, 4096]) {
          const bucket = bucketNumber(numbering, n, rate, kv, kp);
          const labels = bucketLabels(numbering, bucket);
          assert.equal(bucketOfRow(numbering, labels), bucket);
          numbers.add(bucket);
        }
      }
    }
  }
  assert.equal(numbers.size, 81);
  assert.deepEqual(bucketLabels(numbering, bucketNumber(numbering, 300, 0.7, 4096, 1)), {
    n_label: "n>128",
    skew_rate_label: "sr<=70%",
    kv_big_label: "kvB<=4k",
    kp_label: "kp<=2k",
  });
});

Deno.test("bucketOfRow knows no labels but the axes'", () => {
  const labels = { n_label: "n<=3", skew_rate_label: "sr<=5%", kv_big_label: "kvB<=1k", kp_label: "kp=0" };
  assert.equal(bucketOfRow(numberBuckets(DEFAULT_BUCKET_AXES), labels), undefined);
});

Deno.test("the axes that a simulator assumes are the reference's, edge by edge", () => {
  assert.deepEqual(DEFAULT_BUCKET_AXES, {
    pc: "raw pc value (profiled grid point)",
    n_bins: [0, 2, 4, 8, 16, 32, 64, 128, 1e6],
    n_labels: ["n<=2", "n<=4", "n<=8", "n<=16", "n<=32", "n<=64", "n<=128", "n>128"],
    skew_rate_bins: [-0.01, 0.05, 0.15, 0.4, 0.7, 1.01],
    skew_rate_labels: ["sr<=5%", "sr<=15%", "sr<=40%", "sr<=70%", "sr>70%"],
    kv_big_bins: [0, 1024, 4096, 16384, 1e9],
    kv_big_labels: ["kvB<=1k", "kvB<=4k", "kvB<=16k", "kvB>16k"],
    kp_bins: [-1, 0, 2048, 1e9],
    kp_labels: ["kp=0", "kp<=2k", "kp>2k"],
  });
});
