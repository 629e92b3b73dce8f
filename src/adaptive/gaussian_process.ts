/**
 * Gaussian process regression (Rasmussen and Williams, "Gaussian processes for machine learning", 2006).
 *
 * Targets are thought to be a linear function of the columns and a smooth one, a Matérn of order 5/2. Each row is
 * predicted from all rows with a known target at once; what each of these would be predicted as without itself follows
 * from the same equations (section 5.4.2). Many rows are cut into cells along their principal direction, as the work
 * grows with the cube of their number.
 *
 * @module
 */

/** What a process says. */
export interface Regression {
  /** The prediction of every row. */
  readonly predictions: Float64Array;
  /** How little the nearest row with a known target says about each row: 0 for nothing new, 1 for nothing known. */
  readonly strangeness: Float64Array;
  /** Target minus prediction without itself for each row with a known target; NaN for others. */
  readonly heldOut: Float64Array;
}

/** Rows of a cell at most. */
const CELL = 1000;
/** Variance of a target that was measured again, of the smooth part's 1. */
const NOISE = 0.003;
/** Variance of the linear part's weights. */
const LINEAR = 100;
/** Steps towards the principal direction. */
const STEPS = 15;

/**
 * Fits a process to some rows and predicts all.
 *
 * @param columns The columns, of one length.
 * @param rows The rows with a known target.
 * @param targets The target of every row; only those of `rows` are read.
 * @returns What it says.
 *
 * @example
 * ```ts
 * import { gaussianProcess } from "./gaussian_process.ts";
 * import assert from "node:assert/strict";
 * const x = Float64Array.from({ length: 21 }, (_, i) => i / 10);
 * const known = Int32Array.from({ length: 11 }, (_, i) => 2 * i);
 * const { predictions, strangeness } = gaussianProcess([x], known, x.map(Math.sin));
 * assert.ok(Math.abs(predictions[5]! - Math.sin(0.5)) < 0.01);
 * assert.ok(strangeness[5]! > strangeness[4]!);
 * ```
 */
export function gaussianProcess(
  columns: readonly Float64Array[],
  rows: Int32Array,
  targets: Float64Array,
): Regression {
  const count = targets.length;
  const points = scaled(columns, rows, count);
  const regression = {
    predictions: new Float64Array(count),
    strangeness: new Float64Array(count),
    heldOut: new Float64Array(count).fill(NaN),
  };
  const everyRow = Int32Array.from({ length: count }, (_, row) => row);
  for (const cell of cells(points, columns.length, rows, everyRow)) {
    regress(points, columns.length, cell.known, cell.asked, targets, regression);
  }
  return regression;
}

/** Columns side by side, each with a mean of 0 and, over all of them, a variance of 1 among the known rows. */
function scaled(columns: readonly Float64Array[], known: Int32Array, count: number): Float64Array {
  const width = columns.length;
  const points = new Float64Array(count * width);
  for (const [at, column] of columns.entries()) {
    const mean = known.reduce((sum, row) => sum + column[row]!, 0) / known.length;
    const variance = known.reduce((sum, row) => sum + (column[row]! - mean) ** 2, 0) / known.length;
    const scale = variance > 0 ? 1 / Math.sqrt(variance * width) : 0;
    for (let row = 0; row < count; row++) points[row * width + at] = (column[row]! - mean) * scale;
  }
  return points;
}

interface Cell {
  readonly known: Int32Array;
  readonly asked: Int32Array;
}

/** Halves until each cell has few enough known rows. */
function cells(points: Float64Array, width: number, known: Int32Array, asked: Int32Array): Cell[] {
  if (known.length <= CELL) return [{ known, asked }];
  const direction = principalDirection(points, width, known);
  const place = (row: number): number => dot(points, row * width, direction, 0, width);
  const middle = Float64Array.from(known, place).sort()[known.length >>> 1]!;
  const below = known.filter((row) => place(row) < middle);
  if (below.length === 0) return [{ known, asked }];
  return [
    ...cells(points, width, below, asked.filter((row) => place(row) < middle)),
    ...cells(
      points,
      width,
      known.filter((row) => place(row) >= middle),
      asked.filter((row) => place(row) >= middle),
    ),
  ];
}

function principalDirection(points: Float64Array, width: number, rows: Int32Array): Float64Array {
  const mean = new Float64Array(width);
  for (const row of rows) {
    for (let at = 0; at < width; at++) mean[at]! += points[row * width + at]! / rows.length;
  }
  let direction = new Float64Array(width).fill(1);
  for (let step = 0; step < STEPS; step++) {
    const next = new Float64Array(width);
    const offset = dot(mean, 0, direction, 0, width);
    for (const row of rows) {
      const place = dot(points, row * width, direction, 0, width) - offset;
      for (let at = 0; at < width; at++) next[at]! += place * (points[row * width + at]! - mean[at]!);
    }
    const length = Math.hypot(...next);
    if (length === 0) break;
    direction = next.map((value) => value / length);
  }
  return direction;
}

function regress(
  points: Float64Array,
  width: number,
  known: Int32Array,
  asked: Int32Array,
  targets: Float64Array,
  { predictions, strangeness, heldOut }: Regression,
): void {
  const size = known.length;
  const own = new Float64Array(size * width);
  for (let i = 0; i < size; i++) {
    own.set(points.subarray(known[i]! * width, (known[i]! + 1) * width), i * width);
  }
  const lengths = Float64Array.from(known, (_, i) => dot(own, i * width, own, i * width, width));
  const factor = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      const product = dot(own, i * width, own, j * width, width);
      factor[i * size + j] = matern(lengths[i]! + lengths[j]! - 2 * product) + LINEAR * product;
    }
    factor[i * size + i]! += NOISE;
  }
  factorize(factor, size);
  const inverse = inverted(factor, size);
  const mean = known.reduce((sum, row) => sum + targets[row]!, 0) / size;
  const halfway = Float64Array.from(
    known,
    (_, i) =>
      known.reduce((sum, row, j) => j > i ? sum : sum + inverse[i * size + j]! * (targets[row]! - mean), 0),
  );
  const weights = new Float64Array(size);
  const precisions = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      const value = inverse[i * size + j]!;
      weights[j]! += value * halfway[i]!;
      precisions[j]! += value * value;
    }
  }
  for (const [i, row] of known.entries()) heldOut[row] = weights[i]! / precisions[i]!;
  for (const row of asked) {
    const start = row * width;
    const length = dot(points, start, points, start, width);
    let sum = mean;
    let nearest = 0;
    for (let i = 0; i < size; i++) {
      const product = dot(points, start, own, i * width, width);
      const near = matern(length + lengths[i]! - 2 * product);
      if (near > nearest) nearest = near;
      sum += weights[i]! * (near + LINEAR * product);
    }
    predictions[row] = sum;
    strangeness[row] = Math.sqrt(Math.max(0, 1 - nearest * nearest));
  }
}

/** The correlation of points, by their squared distance. */
function matern(squared: number): number {
  const distance = Math.sqrt(5 * Math.max(0, squared));
  return (1 + distance + distance * distance / 3) * Math.exp(-distance);
}

/** Cholesky's factor of a positive definite matrix, in place of its lower triangle. */
function factorize(matrix: Float64Array, size: number): void {
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < i; j++) {
      matrix[i * size + j] = (matrix[i * size + j]! - dot(matrix, i * size, matrix, j * size, j)) /
        matrix[j * size + j]!;
    }
    matrix[i * size + i] = Math.sqrt(matrix[i * size + i]! - dot(matrix, i * size, matrix, i * size, i));
  }
}

/** The inverse of a lower triangle. */
function inverted(triangle: Float64Array, size: number): Float64Array {
  const inverse = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    const end = i * size;
    for (let k = 0; k < i; k++) {
      const weight = triangle[end + k]!;
      const start = k * size;
      for (let j = 0; j <= k; j++) inverse[end + j]! -= weight * inverse[start + j]!;
    }
    const pivot = 1 / triangle[end + i]!;
    for (let j = 0; j < i; j++) inverse[end + j]! *= pivot;
    inverse[end + i] = pivot;
  }
  return inverse;
}

function dot(a: Float64Array, from: number, b: Float64Array, start: number, length: number): number {
  let [even, odd] = [0, 0];
  let at = 0;
  for (; at + 1 < length; at += 2) {
    even += a[from + at]! * b[start + at]!;
    odd += a[from + at + 1]! * b[start + at + 1]!;
  }
  if (at < length) even += a[from + at]! * b[start + at]!;
  return even + odd;
}
