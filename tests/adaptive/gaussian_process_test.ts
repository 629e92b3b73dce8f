import assert from "node:assert/strict";
import { gaussianProcess } from "../../src/adaptive/gaussian_process.ts";
import { randomFrom } from "../../src/random.ts";
import { quantile } from "../../src/stats.ts";

const random = randomFrom(5);
const COUNT = 240;
const x = Float64Array.from({ length: COUNT }, () => 4 * random());
const y = Float64Array.from({ length: COUNT }, () => random());
const smooth = x.map((each, i) => Math.sin(each) + each * y[i]!);
const known = Int32Array.from({ length: 120 }, (_, i) => 2 * i);

Deno.test("gaussianProcess: knows a smooth function from a part of its points, and a plane almost exactly", () => {
  const p90 = (targets: Float64Array): number => {
    const { predictions } = gaussianProcess([x, y], known, targets);
    return quantile(predictions.map((value, row) => Math.abs(value - targets[row]!)).sort(), 0.9);
  };
  assert.ok(p90(smooth) < 0.05, `${p90(smooth)}`);
  const plane = x.map((each, i) => 3 + 2 * each - y[i]!);
  assert.ok(p90(plane) < 0.005, `${p90(plane)}`);
});

Deno.test("gaussianProcess: what is held out is what the others say", () => {
  const { heldOut } = gaussianProcess([x, y], known, smooth);
  for (const left of [0, 40, 118]) {
    const others = known.filter((row) => row !== left);
    // The scale of the columns is that of all known points, so that the two differ by a trifle.
    const { predictions } = gaussianProcess([x, y], others, smooth);
    assert.ok(Math.abs(smooth[left]! - predictions[left]! - heldOut[left]!) < 0.005, `${left}`);
  }
  assert.ok(heldOut.every((miss, row) => Number.isNaN(miss) === (row % 2 === 1)));
});

Deno.test("gaussianProcess: a point far from all that are known is the strangest", () => {
  const far = Float64Array.of(...x, 40);
  const { strangeness } = gaussianProcess(
    [far, Float64Array.of(...y, 0)],
    known,
    Float64Array.of(...smooth, NaN),
  );
  assert.equal(strangeness.indexOf(Math.max(...strangeness)), COUNT);
  assert.ok(known.every((row) => strangeness[row]! < 0.01));
});

Deno.test("gaussianProcess: more points than a cell holds are cut, and each is asked in its own part", () => {
  const count = 2600;
  const wide = Float64Array.from({ length: count }, (_, i) => i / 100);
  const targets = wide.map((each) => Math.sin(each / 5));
  const some = Int32Array.from({ length: 1300 }, (_, i) => 2 * i);
  const { predictions } = gaussianProcess([wide], some, targets);
  assert.ok(predictions.every((value, row) => Math.abs(value - targets[row]!) < 0.02));
});

Deno.test("gaussianProcess: a column that never changes, and one point known, tell nothing", () => {
  const { predictions } = gaussianProcess(
    [new Float64Array(3)],
    Int32Array.of(1),
    Float64Array.of(NaN, 7, NaN),
  );
  assert.deepEqual([...predictions].map((value) => value.toFixed(6)), ["7.000000", "7.000000", "7.000000"]);
});

/** The textbook's equations, one point at a time: Rasmussen and Williams (2.25) and (5.12). */
function plainly(
  points: readonly (readonly number[])[],
  known: readonly number[],
  targets: readonly number[],
): {
  predictions: number[];
  heldOut: number[];
} {
  const covariance = (a: readonly number[], b: readonly number[]): number => {
    const distance = Math.sqrt(5 * a.reduce((sum, value, at) => sum + (value - b[at]!) ** 2, 0));
    const linear = a.reduce((sum, value, at) => sum + value * b[at]!, 0);
    return (1 + distance + distance ** 2 / 3) * Math.exp(-distance) + 100 * linear;
  };
  const inverse = known.map((i, row) => [
    ...known.map((j) => covariance(points[i]!, points[j]!) + (i === j ? 0.003 : 0)),
    ...known.map((_, column) => Number(row === column)),
  ]);
  for (const [i, pivot] of inverse.entries()) {
    const scale = pivot[i]!;
    for (const at of pivot.keys()) pivot[at]! /= scale;
    for (const row of inverse) {
      const factor = row === pivot ? 0 : row[i]!;
      for (const at of row.keys()) row[at]! -= factor * pivot[at]!;
    }
  }
  const mean = known.reduce((sum, i) => sum + targets[i]!, 0) / known.length;
  const weights = inverse.map((row) =>
    known.reduce((sum, j, at) => sum + row[known.length + at]! * (targets[j]! - mean), 0)
  );
  return {
    predictions: points.map((point) =>
      known.reduce((sum, i, at) => sum + weights[at]! * covariance(point, points[i]!), mean)
    ),
    heldOut: known.map((_, at) => weights[at]! / inverse[at]![known.length + at]!),
  };
}

for (const [count, width] of [[1, 1], [4, 2], [5, 3], [22, 1], [23, 4], [40, 5]] as const) {
  Deno.test(`gaussianProcess: says what the textbook's equations say, ${count} points of ${width} columns`, () => {
    const stream = randomFrom(count);
    const columns = Array.from({ length: width }, () => Float64Array.from({ length: 53 }, stream));
    const targets = Float64Array.from({ length: 53 }, (_, row) => Math.cos(5 * columns[0]![row]!) + stream());
    const rows = Array.from({ length: count }, (_, i) => 50 - i);
    const { predictions, heldOut } = gaussianProcess(columns, Int32Array.from(rows), targets);
    const scaled = columns.map((column) => {
      const mean = rows.reduce((sum, row) => sum + column[row]!, 0) / count;
      const variance = rows.reduce((sum, row) => sum + (column[row]! - mean) ** 2, 0) / count;
      return column.map((value) => variance > 0 ? (value - mean) / Math.sqrt(variance * width) : 0);
    });
    const points = Array.from(targets, (_, row) => scaled.map((column) => column[row]!));
    const plain = plainly(points, rows, [...targets]);
    for (const [row, value] of plain.predictions.entries()) {
      assert.ok(Math.abs(predictions[row]! - value) < 1e-7, `${row}: ${predictions[row]} ${value}`);
    }
    for (const [at, row] of rows.entries()) assert.ok(Math.abs(heldOut[row]! - plain.heldOut[at]!) < 1e-7);
  });
}
