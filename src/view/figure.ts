/**
 * What a figure is: a plain plotly specification, which can be shown, rendered and put into a report.
 *
 * @module
 */

/** A trace of a plotly figure. */
export type Trace = Readonly<Record<string, unknown>>;

/** A figure: plotly's `data` and `layout`, plain JSON. */
export interface Figure {
  /** The traces. */
  readonly data: readonly Trace[];
  /** Title, axes and everything else around the traces. */
  readonly layout: Readonly<Record<string, unknown>>;
}

/** The symbol by which Deno's kernel asks a cell's last value how it is shown. */
const DISPLAY = Symbol.for("Jupyter.display");

/**
 * Makes a figure that shows itself when it is the last value of a notebook's cell.
 *
 * @param figure The traces and the layout.
 * @returns The figure, still plain JSON.
 *
 * @example
 * ```ts
 * import { shownFigure } from "./figure.ts";
 * import assert from "node:assert/strict";
 * const figure = shownFigure({ data: [{ x: [1], y: [2] }], layout: {} });
 * const display = Reflect.get(figure, Symbol.for("Jupyter.display")) as () => Promise<Record<string, unknown>>;
 * assert.deepEqual(Object.keys(await display()).sort(), ["application/vnd.plotly.v1+json", "image/svg+xml", "text/plain"]);
 * assert.equal(JSON.stringify(figure), '{"data":[{"x":[1],"y":[2]}],"layout":{}}');
 * ```
 */
export function shownFigure(figure: Figure): Figure {
  const display = async (): Promise<unknown> => (await import("./notebook/show.ts")).mimeBundle(figure);
  return Object.defineProperty({ ...figure }, DISPLAY, { value: display });
}

/** What the figures of a bundle are about. */
export interface Subject {
  /** Name of the hardware. */
  readonly hardware: string;
  /** `<org>/<name>`. */
  readonly model: string;
  /** Tensor-parallel degree. */
  readonly tp: number;
  /** What the times are: `estimate` for a formula's, otherwise a measured quantity, empty when nobody knows. */
  readonly quantity: string;
}

/**
 * The subject of a bundle's figures.
 *
 * @param bundle The bundle.
 * @param tp Tensor-parallel degree.
 * @returns The subject.
 *
 * @example
 * ```ts
 * import { openBundle } from "shotlab";
 * import { subjectOf } from "shotlab/view";
 * import assert from "node:assert/strict";
 * const bundle = await openBundle("perf/H100/meta-llama/Llama-3.1-8B/bf16");
 * assert.equal(subjectOf(bundle, 2).hardware, "H100");
 * ```
 */
export function subjectOf(
  { meta }: {
    readonly meta: { readonly hardware?: string; readonly model?: string; readonly quantity?: string };
  },
  tp: number,
): Subject {
  return { hardware: meta.hardware ?? "?", model: meta.model ?? "?", tp, quantity: meta.quantity ?? "" };
}

/**
 * A subject in words.
 *
 * @param subject The subject.
 * @param more What else the subtitle says.
 * @param tps The degrees, where they are not the subject's alone.
 * @returns Such as `Qwen3-32B on H100, tp 1`; a formula's times are called an estimate.
 *
 * @example
 * ```ts
 * import { subjectText } from "./figure.ts";
 * import assert from "node:assert/strict";
 * const subject = { hardware: "H100", model: "Qwen/Qwen3-32B", tp: 2, quantity: "estimate" };
 * assert.equal(subjectText(subject, "dense layers"), "Qwen3-32B on H100, tp 2, dense layers; roofline estimate, not measured");
 * ```
 */
export function subjectText(
  { hardware, model, tp, quantity }: Subject,
  more = "",
  tps: readonly number[] = [tp],
): string {
  const name = `${model.split("/").at(-1)} on ${hardware}`;
  const parts = [name, `tp ${tps.join(", ")}`, ...(more === "" ? [] : [more])];
  return parts.join(", ") + (quantity === "estimate" ? "; roofline estimate, not measured" : "");
}
