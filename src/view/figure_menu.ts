/**
 * Several figures of one kind in one, with a menu to choose among them.
 *
 * @module
 */
import { type Figure, shownFigure } from "./figure.ts";

/** One of the figures. */
export interface Choice {
  /** What the menu says, such as `chunk 512`. */
  readonly name: string;
  /** The figure. */
  readonly figure: Figure;
}

/**
 * Puts figures behind a menu.
 *
 * @param choices The figures, at least one; the first is seen first.
 * @returns One figure; a single choice is itself, without a menu.
 *
 * @example
 * ```ts
 * import { figureMenu } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const figure = (y: number) => ({ data: [{ x: [1], y: [y] }], layout: { meta: { title: `${y}` } } });
 * const { data } = figureMenu([{ name: "one", figure: figure(1) }, { name: "two", figure: figure(2) }]);
 * assert.deepEqual(data.map(({ visible, meta }) => [visible, meta]), [[true, { slice: "one" }], [false, { slice: "two" }]]);
 * ```
 */
export function figureMenu(choices: readonly Choice[]): Figure {
  const [first] = choices;
  if (choices.length === 1) return first!.figure;
  const owners = choices.flatMap(({ figure }, i) => figure.data.map(() => i));
  return shownFigure({
    data: choices.flatMap(({ name, figure }, i) =>
      figure.data.map((trace) => ({
        ...trace,
        visible: i === 0,
        meta: { ...trace["meta"] as Record<string, unknown> | undefined, slice: name },
      }))
    ),
    layout: {
      ...first!.figure.layout,
      updatemenus: [{
        type: "dropdown",
        x: 0,
        xanchor: "left",
        y: 1,
        yanchor: "bottom",
        pad: { b: 6 },
        buttons: choices.map(({ name, figure }, i) => ({
          label: name,
          method: "update",
          args: [{ visible: owners.map((owner) => owner === i) }, shownLayout(figure.layout)],
        })),
      }],
    },
  });
}

/** What of a layout belongs to one choice. */
function shownLayout({ title, meta, xaxis, yaxis }: Figure["layout"]): Record<string, unknown> {
  return { title, meta, xaxis, yaxis };
}
