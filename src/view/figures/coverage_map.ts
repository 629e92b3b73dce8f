/**
 * Figure: how lookups of a run come to their answers.
 *
 * @module
 */
import { type AttentionCoverage, type Place, PLACES } from "../../check/attention_coverage.ts";
import type { CoverageNeed } from "../../check/coverage_need.ts";
import { gridAxis } from "../axes.ts";
import type { GridData } from "../figure_csv.ts";
import { type Figure, shownFigure, type Subject, subjectText } from "../figure.ts";
import { plural } from "../../count_text.ts";
import { formatShare } from "../text.ts";
import { layoutOf } from "../theme.ts";
import { distinct } from "../../stats.ts";

/** What the figure shows. */
export interface CoverageMap {
  /** What it is about. */
  readonly subject: Subject;
  /** How far the run reaches. */
  readonly need: CoverageNeed;
  /** How the attention table meets it, at the subject's degree. */
  readonly attention: AttentionCoverage;
}

/** From dark and safe to loud; what is doubtful has a letter for prints in grey. */
const LOOKS: Readonly<Record<Place, { color: string; letter: string; words: string }>> = {
  exact: { color: "#004B6B", letter: "", words: "exact" },
  between: { color: "#56A5CC", letter: "", words: "between" },
  clamped: { color: "#CFE3EE", letter: "c", words: "clamped" },
  neighbour: { color: "#E69F00", letter: "n", words: "neighbour" },
  extrapolated: { color: "#B2182B", letter: "x", words: "extrapolated" },
};

/**
 * Draws, for every chunk and number of decodes, the worst way in which at least a tenth of the lookups are answered.
 *
 * @param input What it shows.
 * @returns The figure; batches that the run cannot have are blank.
 *
 * @example
 * ```ts
 * import { coverage, coverageMap } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const subject = { hardware: "H100", model: "a/b", tp: 1, quantity: "kernel" };
 * const bundle = {
 *   dir: "", meta: {}, tps: [1], issues: [], skew: () => [], skewFit: () => [], estimated: () => [],
 *   table: () => [{ layer: null, key: [0, 0, 1, 16], timeUs: 5 }, { layer: null, key: [0, 0, 2, 16], timeUs: 6 }],
 * };
 * const { need, attention } = coverage(bundle, { maxNumBatchedTokens: 16, maxNumSeqs: 2, maxKv: 16 });
 * const { data } = coverageMap({ subject, need, attention: attention[0]! });
 * assert.ok(data.length > 0);
 * ```
 */
export function coverageMap({ subject, need, attention }: CoverageMap): Figure {
  const chunks = distinct(attention.cells.map(({ chunk }) => chunk));
  const decodes = distinct(attention.cells.map(({ nDecode }) => nDecode));
  const cells = new Map(attention.cells.map((cell) => [`${cell.chunk} ${cell.nDecode}`, cell]));
  const grid = decodes.map((n) => chunks.map((chunk) => cells.get(`${chunk} ${n}`)));
  const steps = PLACES.length;
  const { shares } = attention;
  const resting = attention.estimated === 0
    ? ""
    : `; ${formatShare(attention.estimated)} of the answers rests on predicted rows`;
  const guessed = shares.neighbour + shares.extrapolated;
  return shownFigure({
    data: [{
      type: "heatmap",
      meta: {
        columns: chunks,
        rows: decodes,
        values: grid.map((row) => row.map((cell) => cell?.worst ?? null)),
      } satisfies GridData,
      z: grid.map((row) => row.map((cell) => cell === undefined ? null : PLACES.indexOf(cell.worst))),
      text: grid.map((row) => row.map((cell) => cell === undefined ? "" : LOOKS[cell.worst].letter)),
      texttemplate: "%{text}",
      textfont: { size: 9 },
      customdata: grid.map((row) =>
        row.map((cell) =>
          cell === undefined
            ? ""
            : `${plural(cell.chunk, "new token")}, ${plural(cell.nDecode, "decode")}<br>` +
              PLACES.filter((place) => cell.shares[place] > 0)
                .map((place) => `${place} ${formatShare(cell.shares[place])}`).join("<br>")
        )
      ),
      hovertemplate: "%{customdata}<extra></extra>",
      xgap: 1,
      ygap: 1,
      zmin: -0.5,
      zmax: steps - 0.5,
      colorscale: PLACES.flatMap((place, i) => [
        [i / steps, LOOKS[place].color],
        [(i + 1) / steps, LOOKS[place].color],
      ]),
      colorbar: {
        tickvals: PLACES.map((_, i) => i),
        ticktext: PLACES.map((place) =>
          `${LOOKS[place].words}${LOOKS[place].letter === "" ? "" : ` (${LOOKS[place].letter})`}<br>${
            formatShare(shares[place]).replace("<", "&lt;")
          }`
        ),
        thickness: 14,
        outlinewidth: 0,
      },
    }],
    layout: layoutOf({
      title: guessed === 0
        ? "Every attention lookup of this run is answered from its own slices"
        : `${
          formatShare(guessed)
        } of this run's attention lookups are guessed: from a neighbour, or beyond the grid`,
      subtitle: subjectText(
        subject,
        `a run with up to ${plural(need.maxNumBatchedTokens, "new token")}, ${
          plural(need.maxNumSeqs, "request")
        } and ${
          plural(need.maxKv, "KV token")
        }; colour: worst case covering >= 10% of KV lengths; blank: no such batch${resting}`,
      ),
      xaxis: gridAxis("new tokens of the prefill", chunks),
      yaxis: gridAxis("decoding requests", decodes),
      height: 520,
    }),
  });
}
