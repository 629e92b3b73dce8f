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
/** exp(-x) at steps of x up to 40: three terms of its series from there are as exact as `matern` needs, and faster. */
const STEPS_OF_ONE = 256;
const DECAY = Float64Array.from({ length: 40 * STEPS_OF_ONE }, (_, step) => Math.exp(-step / STEPS_OF_ONE));

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
  const { heldOut, model } = fitProcess(columns, rows, targets);
  const [predictions, strangeness] = [new Float64Array(targets.length), new Float64Array(targets.length)];
  predictProcess(model, Int32Array.from(targets.keys()), { predictions, strangeness });
  return { predictions, strangeness, heldOut };
}

/** A process that is fitted to known rows, as data. */
export interface ProcessModel {
  /** All rows, known or not: their columns side by side, scaled. */
  readonly points: Float64Array;
  /** Columns of a row. */
  readonly width: number;
  /** The known rows. */
  readonly cells: Cells;
}

/** A cell, or cells on both sides of a place along a direction. */
type Cells = Cell | {
  readonly direction: Float64Array;
  readonly middle: number;
  readonly below: Cells;
  readonly above: Cells;
};

/** Known rows of which each is related to each. */
interface Cell {
  /** Their columns side by side, and the squared length of each. */
  readonly own: Float64Array;
  readonly lengths: Float64Array;
  /** What the nearness of each weighs. */
  readonly weights: Float64Array;
  /** The mean target, and the linear part. */
  readonly mean: number;
  readonly slope: Float64Array;
}

/**
 * Fits a process to some rows; predicting others is the larger work where there are many.
 *
 * @param columns The columns, of one length.
 * @param rows The rows with a known target.
 * @param targets The target of every row; only those of `rows` are read.
 * @returns The process, and what it would say of the known rows without themselves.
 */
export function fitProcess(
  columns: readonly Float64Array[],
  rows: Int32Array,
  targets: Float64Array,
): Pick<Regression, "heldOut"> & { readonly model: ProcessModel } {
  const width = columns.length;
  const points = scaled(columns, rows, targets.length);
  const heldOut = new Float64Array(targets.length).fill(NaN);
  return { heldOut, model: { points, width, cells: fitCells(points, width, rows, targets, heldOut) } };
}

/**
 * Predicts rows.
 *
 * @param model The process.
 * @param asked Which rows.
 * @param said What it says, by row; those of `asked` are written.
 */
export function predictProcess(
  { points, width, cells }: ProcessModel,
  asked: Int32Array,
  said: Omit<Regression, "heldOut">,
): void {
  if ("own" in cells) return predictCell(points, width, cells, asked, said);
  const { direction, middle, below, above } = cells;
  const isBelow = (row: number): boolean => dot(points, row * width, direction, 0, width) < middle;
  predictProcess({ points, width, cells: below }, asked.filter(isBelow), said);
  predictProcess({ points, width, cells: above }, asked.filter((row) => !isBelow(row)), said);
}

/** Columns side by side, each with a mean of 0 and, over all of them, a variance of 1 among the known rows. */
function scaled(columns: readonly Float64Array[], known: Int32Array, count: number): Float64Array {
  const width = columns.length;
  const points = new Float64Array(new SharedArrayBuffer(8 * count * width));
  for (const [at, column] of columns.entries()) {
    const mean = known.reduce((sum, row) => sum + column[row]!, 0) / known.length;
    const variance = known.reduce((sum, row) => sum + (column[row]! - mean) ** 2, 0) / known.length;
    const scale = variance > 0 ? 1 / Math.sqrt(variance * width) : 0;
    for (let row = 0; row < count; row++) points[row * width + at] = (column[row]! - mean) * scale;
  }
  return points;
}

/** Halves until each cell has few enough known rows, and fits each. */
function fitCells(
  points: Float64Array,
  width: number,
  known: Int32Array,
  targets: Float64Array,
  heldOut: Float64Array,
): Cells {
  if (known.length <= CELL) return fitCell(points, width, known, targets, heldOut);
  const direction = principalDirection(points, width, known);
  const place = (row: number): number => dot(points, row * width, direction, 0, width);
  const middle = Float64Array.from(known, place).sort()[known.length >>> 1]!;
  const below = known.filter((row) => place(row) < middle);
  if (below.length === 0) return fitCell(points, width, known, targets, heldOut);
  const above = known.filter((row) => place(row) >= middle);
  const [low, high] = [below, above].map((half) => fitCells(points, width, half, targets, heldOut)) as [
    Cells,
    Cells,
  ];
  return { direction, middle, below: low, above: high };
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

function fitCell(
  points: Float64Array,
  width: number,
  known: Int32Array,
  targets: Float64Array,
  heldOut: Float64Array,
): Cell {
  const size = known.length;
  const own = new Float64Array(size * width);
  for (let i = 0; i < size; i++) {
    own.set(points.subarray(known[i]! * width, (known[i]! + 1) * width), i * width);
  }
  const lengths = Float64Array.from(known, (_, i) => dot(own, i * width, own, i * width, width));
  const factor = new Float64Array(size * size);
  eachProducts(own, width, Int32Array.from(known.keys()), own, (i, products, start) => {
    for (let j = 0; j <= i; j++) {
      const product = products[start + j]!;
      factor[i * size + j] = matern(lengths[i]! + lengths[j]! - 2 * product) + LINEAR * product;
    }
    factor[i * size + i]! += NOISE;
  });
  factorize(factor, size);
  const inverse = inverted(factor, size);
  const mean = known.reduce((sum, row) => sum + targets[row]!, 0) / size;
  const rest = Float64Array.from(known, (row) => targets[row]! - mean);
  const weights = new Float64Array(size);
  const precisions = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    const halfway = dot(inverse, i * size, rest, 0, i + 1);
    for (let j = 0; j <= i; j++) {
      const value = inverse[i * size + j]!;
      weights[j]! += value * halfway;
      precisions[j]! += value * value;
    }
  }
  for (const [i, row] of known.entries()) heldOut[row] = weights[i]! / precisions[i]!;
  const slope = new Float64Array(width);
  for (let i = 0; i < size; i++) {
    for (let at = 0; at < width; at++) slope[at]! += LINEAR * weights[i]! * own[i * width + at]!;
  }
  return { own, lengths, weights, mean, slope };
}

function predictCell(
  points: Float64Array,
  width: number,
  { own, lengths, weights, mean, slope }: Cell,
  asked: Int32Array,
  { predictions, strangeness }: Omit<Regression, "heldOut">,
): void {
  eachProducts(points, width, asked, own, (row, products, start) => {
    const length = dot(points, row * width, points, row * width, width);
    let sum = mean + dot(points, row * width, slope, 0, width);
    let nearest = 0;
    for (let i = 0; i < lengths.length; i++) {
      const near = matern(length + lengths[i]! - 2 * products[start + i]!);
      if (near > nearest) nearest = near;
      sum += weights[i]! * near;
    }
    predictions[row] = sum;
    strangeness[row] = Math.sqrt(Math.max(0, 1 - nearest * nearest));
  });
}

/**
 * Multiplies rows with all known ones, four at a time, so that a known value is read once for four rows.
 *
 * @param points The rows' values.
 * @param width Values of a row.
 * @param rows Which rows.
 * @param own The known rows' values.
 * @param take Takes the products of each row: they begin at `start`, in the order of the known rows.
 */
function eachProducts(
  points: Float64Array,
  width: number,
  rows: Int32Array,
  own: Float64Array,
  take: (row: number, products: Float64Array, start: number) => void,
): void {
  const size = own.length / width;
  const four = new Float64Array(4 * width);
  const products = new Float64Array(4 * size);
  for (let first = 0; first < rows.length; first += 4) {
    const count = Math.min(4, rows.length - first);
    for (let each = 0; each < count; each++) {
      const start = rows[first + each]! * width;
      for (let at = 0; at < width; at++) four[4 * at + each] = points[start + at]!;
    }
    multiply(four, own, width, size, products);
    for (let each = 0; each < count; each++) take(rows[first + each]!, products, each * size);
  }
}

/** Products of four rows, their values interleaved, with each known one. */
function multiply(
  four: Float64Array,
  own: Float64Array,
  width: number,
  size: number,
  products: Float64Array,
): void {
  for (let i = 0; i < size; i++) {
    let [a, b, c, d] = [0, 0, 0, 0];
    for (let at = 0; at < width; at++) {
      const value = own[i * width + at]!;
      a += four[4 * at]! * value;
      b += four[4 * at + 1]! * value;
      c += four[4 * at + 2]! * value;
      d += four[4 * at + 3]! * value;
    }
    products[i] = a;
    products[size + i] = b;
    products[2 * size + i] = c;
    products[3 * size + i] = d;
  }
}

/** The correlation of points, by their squared distance. */
function matern(squared: number): number {
  const distance = Math.sqrt(5 * Math.max(0, squared));
  const step = Math.trunc(distance * STEPS_OF_ONE);
  if (step >= DECAY.length) return 0;
  const rest = distance - step / STEPS_OF_ONE;
  const decay = DECAY[step]! * (1 - rest * (1 - rest / 2 * (1 - rest / 3)));
  return (1 + distance + distance * distance / 3) * decay;
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
    let k = 0;
    for (; k + 3 < i; k += 4) {
      const [a, b, c, d] = [
        triangle[end + k]!,
        triangle[end + k + 1]!,
        triangle[end + k + 2]!,
        triangle[end + k + 3]!,
      ];
      const start = k * size;
      for (let j = 0; j < k + 4; j++) {
        inverse[end + j]! -= a * inverse[start + j]! + b * inverse[start + size + j]! +
          c * inverse[start + 2 * size + j]! + d * inverse[start + 3 * size + j]!;
      }
    }
    for (; k < i; k++) {
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
