/** Seeded random inputs: texts broken in the ways in which files and lines break, and values of any type. */

/** Draws whole numbers from 0 to below `limit`. */
export type Draw = (limit: number) => number;

/** Pieces that parsers stumble over. */
const PIECES = [
  ...["", " ", "\n", "\r\n", "\r", "\t", "\0", "\uFEFF", "\uD800", "é", "𝄞", ",", ";", '"', "'", "\\", "/"],
  ...["{", "}", "[", "]", ":", "- ", "? ", "#", "&a ", "*a", "!x ", "|", ">", "%", "<<: ", "---\n", "...\n"],
  ...[
    "0",
    "-1",
    "1e999",
    "-0",
    "NaN",
    "inf",
    "0x10",
    "017",
    "1_0",
    ".5",
    "1e-320",
    "9007199254740993",
    "123456.5",
  ],
  ...["null", "true", "yes", "~", "__proto__", "constructor", "../", "..", "con", "a,b", "layer", "time_us"],
];

/** A generator of whole numbers (mulberry32, after Ettinger). */
export function seeded(seed: number): Draw {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return Math.floor(((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32 * limit);
  };
}

/** One of a list. */
export function pick<T>(draw: Draw, list: readonly T[]): T {
  return list[draw(list.length)]!;
}

/** A text with one fault or a few, made from one of a few. */
export function mutated(draw: Draw, corpus: readonly string[]): string {
  let text = pick(draw, corpus);
  for (let faults = pick(draw, [1, 1, 1, 2, 4]); faults > 0; faults--) {
    text = draw(2) === 0 ? wordReplaced(draw, text) : spanReplaced(draw, text, corpus);
  }
  return draw(20) === 0 ? text.slice(0, draw(text.length + 1)) : text.slice(0, 20_000);
}

function wordReplaced(draw: Draw, text: string): string {
  const words = [...text.matchAll(/[\w.-]+/g)];
  if (words.length === 0) return pick(draw, PIECES);
  const { 0: word, index } = pick(draw, words);
  const other = draw(2) === 0 ? pick(draw, PIECES) : pick(draw, words)[0];
  return text.slice(0, index) + other + text.slice(index + word.length);
}

function spanReplaced(draw: Draw, text: string, corpus: readonly string[]): string {
  const at = draw(text.length + 1);
  const end = Math.min(text.length, at + draw(draw(8) === 0 ? text.length + 1 : 12));
  const other = pick(draw, corpus);
  const replacement = [
    () => "",
    () => pick(draw, PIECES),
    () => text.slice(at, end).repeat(1 + draw(3)),
    () => other.slice(draw(other.length + 1)),
    () => String.fromCharCode(draw(0x250)),
    () => pick(draw, PIECES).repeat(1 + draw(80)),
  ];
  return text.slice(0, at) + pick(draw, replacement)() + text.slice(end);
}

/** A value of any type. */
export function anyValue(draw: Draw, depth = 3): unknown {
  const kinds = [
    () => pick(draw, PIECES),
    () => pick(draw, PIECES) + pick(draw, PIECES),
    () => pick(draw, [0, 1, 2, 3, 8, 16, 64, 0.5, -1, NaN, Infinity, 1e300, 2 ** 53, -0]),
    () => pick(draw, [null, undefined, true, false]),
    () => Array.from({ length: draw(4) }, () => anyValue(draw, depth - 1)),
    () => Object.fromEntries([[pick(draw, PIECES), anyValue(draw, depth - 1)]]),
  ];
  return pick(draw, depth > 0 ? kinds : kinds.slice(0, 4))();
}

/** How many inputs had which outcome. */
export type Counts = Record<string, number>;

/** Tries many inputs; a failure names the seed and the input, and the counts are printed. */
export async function fuzz<T>(
  name: string,
  times: number,
  make: (draw: Draw) => T,
  attempt: (input: T) => string | Promise<string>,
): Promise<Counts> {
  const counts: Counts = {};
  for (let seed = 0; seed < times; seed++) {
    const input = make(seeded(seed));
    try {
      const outcome = await attempt(input);
      counts[outcome] = (counts[outcome] ?? 0) + 1;
    } catch (cause) {
      throw new Error(`${name}, seed ${seed}: ${Deno.inspect(input).slice(0, 2000)}`, { cause });
    }
  }
  const told = Object.entries(counts).map(([outcome, count]) => `${count} ${outcome}`).join(", ");
  Deno.stdout.writeSync(new TextEncoder().encode(`${name}: ${times} inputs, ${told}\n`));
  return counts;
}
