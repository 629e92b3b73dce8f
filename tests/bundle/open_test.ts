import assert from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import { openBundle } from "../../src/bundle/open.ts";
import { withBundle } from "./with_bundle.ts";

const DENSE = "layer,tokens,time_us\no_proj,16,2.5\nembedding,8,1.5\n";
const SKEW = "regime,n,nb,ratio,skew,pc,kp,kvs,kv_big,kv_mean,t_mean_us,t_max_us,t_skew_us,alpha\n" +
  "pure,2,1,0.5,4.0,0,0,128,512,320,10.0,20.0,15.0,0.5\n";
const FIT =
  "pc,n_label,skew_rate_label,kv_big_label,kp_label,alpha,n_samples\n16,n<=2,sr<=5%,kvB<=1k,kp=0,1.0,9\n";

Deno.test("openBundle gives every table of every degree, sorted, and none for a file that is not there", () =>
  withBundle({
    "meta.yaml": "hardware: H100\n",
    "tp10/dense.csv": DENSE,
    "tp2/moe.csv": "tokens,activated_experts,time_us\n1,8,50.2\n",
    "tp2/skew.csv": SKEW,
    "tp2/skew_fit.csv": FIT,
    "tpx/dense.csv": DENSE,
    "notes/readme.txt": "",
  }, async (dir) => {
    const bundle = await openBundle(dir);
    assert.equal(bundle.meta.hardware, "H100");
    assert.deepEqual(bundle.tps, [2, 10]);
    assert.deepEqual(bundle.table(10, "dense"), [
      { layer: "embedding", key: [8], timeUs: 1.5 },
      { layer: "o_proj", key: [16], timeUs: 2.5 },
    ]);
    assert.deepEqual(bundle.table(2, "moe"), [{ layer: null, key: [1, 8], timeUs: 50.2 }]);
    assert.deepEqual(bundle.skew(2).map(({ alpha }) => alpha), [0.5]);
    assert.deepEqual(bundle.skewFit(2).map(({ alpha }) => alpha), [1]);
    assert.deepEqual(bundle.table(2, "dense"), []);
    assert.deepEqual(bundle.table(4, "dense"), []);
    assert.equal(bundle.table(10, "dense"), bundle.table(10, "dense"));
    assert.deepEqual(bundle.issues, []);
  }));

Deno.test("openBundle leaves rows with a fault out and keeps them as issues", () =>
  withBundle({
    "meta.yaml": "hardware: H100\n",
    "tp1/dense.csv": `${DENSE}o_proj,32,nan\n`,
    "tp1/attention.csv": new Uint8Array([0xff, 0xfe, 0x70, 0x00]),
  }, async (dir) => {
    const bundle = await openBundle(dir);
    assert.equal(bundle.table(1, "dense").length, 2);
    assert.deepEqual(bundle.table(1, "attention"), []);
    assert.deepEqual(bundle.issues.map(({ code, path, row }) => [code, path, row]), [
      ["time-invalid", `${dir}/tp1/dense.csv`, 4],
      ["file-encoding", `${dir}/tp1/attention.csv`, undefined],
    ]);
  }));

Deno.test("openBundle needs the folder and its meta.yaml", async () => {
  await assert.rejects(openBundle("perf/none"), new UsageError("Cannot read perf/none: it does not exist"));
  await withBundle({ "tp1/dense.csv": DENSE }, (dir) =>
    assert.rejects(
      openBundle(dir),
      new UsageError(`Cannot open the bundle ${dir}: it needs ${dir}/meta.yaml, but it does not exist`),
    ));
  await withBundle({ "meta.yaml": new Uint8Array([0xff, 0xfe]) }, (dir) =>
    assert.rejects(
      openBundle(dir),
      new UsageError(
        `Cannot open the bundle ${dir}: it needs ${dir}/meta.yaml, but its bytes are no UTF-8 text`,
      ),
    ));
  await withBundle(
    { "meta.yaml": "tp_degrees: 1\n" },
    (dir) => assert.rejects(openBundle(dir), /^UsageError: Cannot read .*meta\.yaml, key tp_degrees: /),
  );
});
