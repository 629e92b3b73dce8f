/**
 * The batches of skew.csv and their times, whichever way the file describes them: August's columns for long and short
 * histories, or `requests_json`, which lists every request.
 *
 * @module
 */
import type { Cells } from "./cells.ts";
import { compareTexts } from "../compare.ts";
import { roundDecimals } from "../number_format.ts";
import type { Issue } from "./issue.ts";
import { readRecords } from "./records.ts";

/** Requests that are computed together, and how long they take. */
export interface SkewShape {
  /** The attention kernel. */
  readonly layer: string;
  /** New tokens of each decode. */
  readonly decodeQLen: number;
  /** New tokens and history of each prefill, in tokens. */
  readonly prefills: readonly { readonly chunk: number; readonly history: number }[];
  /** History of the decodes, in tokens, and how many have it. */
  readonly decodes: readonly { readonly kv: number; readonly count: number }[];
  /** The time in microseconds. */
  readonly skewUs: number;
  /** A text that is equal for equal batches of one file only. */
  readonly identity: string;
}

const COLUMNS = [
  "layer",
  "decode_q_len",
  "requests_json",
  "n_prefill",
  "n",
  "nb",
  "pc",
  "kp",
  "kvs",
  "kv_big",
  "skew",
  "t_skew_us",
] as const;
const at = (column: typeof COLUMNS[number]): number => COLUMNS.indexOf(column);

/**
 * Whether a text is a skew.csv whose cases list their requests.
 *
 * @param text The file's text.
 * @returns Whether its header has the column.
 */
export function listsRequests(text: string): boolean {
  return /^\uFEFF?[^\n]*\brequests_json\b/.test(text);
}

/**
 * Reads the batches of a skew.csv; rows with a fault are left out and reported, and so is a batch that stands twice.
 *
 * @param text The file's text.
 * @param path The file's path, for the issues.
 * @returns The batches, in no order, and what is wrong with the others.
 *
 * @example
 * ```ts
 * import { readSkewShapes } from "./skew_shapes.ts";
 * import assert from "node:assert/strict";
 * const text = "n,nb,pc,kp,kvs,kv_big,t_skew_us\n4,1,16,512,128,512,12.5\n";
 * const [shape] = readSkewShapes(text, "skew.csv").rows;
 * assert.deepEqual(shape?.prefills, [{ chunk: 16, history: 512 }]);
 * assert.deepEqual(shape?.decodes, [{ kv: 128, count: 3 }, { kv: 512, count: 1 }]);
 * ```
 */
export function readSkewShapes(text: string, path: string): { rows: SkewShape[]; issues: Issue[] } {
  const requests = listsRequests(text);
  return readRecords<SkewShape>(text, path, {
    columns: COLUMNS,
    needed: requests ? ["requests_json", "t_skew_us"] : ["n", "nb", "pc", "kp", "kvs", "kv_big", "t_skew_us"],
    instead: { kv_big: "skew" },
    read: (cells) => {
      const layer = cells.has(at("layer")) ? cells.name(at("layer")) : "attention";
      const decodeQLen = cells.has(at("decode_q_len")) ? cells.count(at("decode_q_len")) : 1;
      const { prefills, decodes } = requests ? listed(cells, decodeQLen) : bimodal(cells);
      const bySize = prefills.toSorted((a, b) => a.chunk - b.chunk);
      return {
        layer,
        decodeQLen,
        prefills,
        decodes,
        skewUs: cells.timeUs(at("t_skew_us")),
        identity: JSON.stringify([layer, decodeQLen, bySize, decodes]),
      };
    },
    compare: (a, b) => compareTexts(a.identity, b.identity),
  });
}

/** Long and short KV lengths. */
function bimodal(cells: Cells): Pick<SkewShape, "prefills" | "decodes"> {
  const [n, nb, pc, kp, kvs] = (["n", "nb", "pc", "kp", "kvs"] as const).map((column) =>
    cells.count(at(column))
  );
  const long = cells.has(at("kv_big"))
    ? cells.count(at("kv_big"))
    : roundDecimals(kvs! * cells.float(at("skew")), 0);
  if (!(nb! > 0 && nb! < n!)) {
    cells.fault(at("nb"), {
      code: "skew-shape",
      message: "The decodes with the long history must be some of them, and not all",
      expected: `a whole number from 1 to ${n! - 1}`,
    });
  }
  return {
    prefills: pc! > 0 ? [{ chunk: pc!, history: kp! }] : [],
    decodes: [{ kv: kvs!, count: n! - nb! }, { kv: long, count: nb! }],
  };
}

/** Prefills first, then decodes; without their number, what has several new tokens is a prefill. */
function listed(cells: Cells, decodeQLen: number): Pick<SkewShape, "prefills" | "decodes"> {
  const requests = parseRequests(cells.text(at("requests_json"))) ?? [];
  if (requests.length === 0) {
    cells.fault(at("requests_json"), {
      code: "skew-shape",
      message: "The requests must be pairs of new tokens and history",
      expected: "[[new, history], ...]",
    });
  }
  if (decodeQLen > 1 && !cells.has(at("n_prefill"))) {
    cells.fault(at("decode_q_len"), {
      code: "skew-shape",
      message: "Prefills and decodes of several new tokens cannot be told apart",
      expected: "a column n_prefill",
    });
  }
  const count = cells.has(at("n_prefill")) ? cells.count(at("n_prefill")) : null;
  const isPrefill = ([tokens]: Request, i: number): boolean => count === null ? tokens > 1 : i < count;
  return {
    prefills: requests.filter(isPrefill).map(([chunk, history]) => ({ chunk, history })),
    decodes: requests.filter((request, i) => !isPrefill(request, i)).map(([, kv]) => ({ kv, count: 1 })),
  };
}

type Request = readonly [tokens: number, history: number];

function parseRequests(text: string): Request[] | null {
  const isCount = (value: unknown): boolean =>
    typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
  try {
    const data: unknown = JSON.parse(text);
    const valid = Array.isArray(data) &&
      data.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every(isCount) && pair[0] >= 1);
    return valid ? data : null;
  } catch {
    return null;
  }
}
