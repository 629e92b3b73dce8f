/**
 * Sizes and places of texts for a window that lays nothing out; plotly asks where texts are and places the rest itself.
 *
 * @module
 */
import { textMeasurer } from "./canvas.ts";

/** What an element of the window says about itself. */
interface Element {
  readonly tagName: string;
  readonly children: ArrayLike<Element>;
  readonly textContent: string | null;
  readonly style?: { readonly fontSize: string; readonly fontWeight: string };
  readonly parentElement: Element | null;
  getAttribute(name: string): string | null;
  querySelectorAll(selector: string): Iterable<Element>;
}

/** A rectangle in pixels. */
interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** The classes of a window that are asked for boxes. */
interface MeasuredWindow {
  readonly Element: { readonly prototype: object };
  readonly SVGElement: { readonly prototype: object };
}

type Point = readonly [x: number, y: number];

/** How high a line of text is, and how much of that lies above its base line, in font sizes. */
const LINE = 1.3, ASCENT = 1;

/**
 * Gives a window's elements boxes: those of the texts in them.
 *
 * @param window The window.
 */
export function installMeasures(window: MeasuredWindow): void {
  const measure = textMeasurer();

  /** The box of a text in its own coordinates. */
  function textBox(text: Element): Box {
    const parts = Array.from(text.children);
    const lines = parts.some(({ tagName }) => tagName === "tspan") ? parts : [text];
    const width = Math.max(
      ...lines.map((line) => measure(line.textContent ?? "", fontSize(line), isBold(line))),
    );
    const size = fontSize(text);
    const anchor = text.getAttribute("text-anchor");
    const x = numberAt(text, "x") - (anchor === "middle" ? width / 2 : anchor === "end" ? width : 0);
    const top = numberAt(text, "y") - ASCENT * size;
    return { left: x, top, right: x + width, bottom: top + lines.length * LINE * size };
  }

  function boxOf(element: Element): Box {
    const texts = element.tagName === "text" ? [element] : [...element.querySelectorAll("text")];
    const boxes = texts.filter((text) => text.textContent !== "").map((text) => outer(textBox(text), text));
    if (boxes.length === 0) return { left: 0, top: 0, right: 0, bottom: 0 };
    return {
      left: Math.min(...boxes.map(({ left }) => left)),
      top: Math.min(...boxes.map(({ top }) => top)),
      right: Math.max(...boxes.map(({ right }) => right)),
      bottom: Math.max(...boxes.map(({ bottom }) => bottom)),
    };
  }

  function rectangle(this: Element): Record<string, number> {
    const box = boxOf(this);
    return { ...box, x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top };
  }
  function textLength(this: Element): number {
    return measure(this.textContent ?? "", fontSize(this), isBold(this));
  }
  Object.assign(window.Element.prototype, { getBoundingClientRect: rectangle });
  Object.assign(window.SVGElement.prototype, {
    getBBox: rectangle,
    getComputedTextLength: textLength,
    getTotalLength: () => 0,
    getPointAtLength: () => ({ x: 0, y: 0 }),
  });
}

/** The box in the coordinates of the whole picture. */
function outer({ left, top, right, bottom }: Box, element: Element): Box {
  let corners: readonly Point[] = [[left, top], [right, top], [left, bottom], [right, bottom]];
  for (let at: Element | null = element; at !== null; at = at.parentElement) {
    const transform = at.getAttribute("transform");
    if (transform !== null) corners = corners.map((corner) => transformed(corner, transform));
  }
  const xs = corners.map(([x]) => x);
  const ys = corners.map(([, y]) => y);
  return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
}

/** Moves a point as an SVG transform says; plotly uses translate, rotate and scale. */
function transformed(point: Point, transform: string): Point {
  let [x, y] = point;
  for (const [, name, list] of [...transform.matchAll(/(\w+)\(([^)]*)\)/g)].reverse()) {
    const [a = 0, b, c = 0] = list!.split(/[\s,]+/).map(Number);
    if (name === "translate") [x, y] = [x + a, y + (b ?? 0)];
    if (name === "scale") [x, y] = [x * a, y * (b ?? a)];
    if (name === "rotate") {
      const [sin, cos] = [Math.sin(a * Math.PI / 180), Math.cos(a * Math.PI / 180)];
      const [dx, dy] = [x - (b ?? 0), y - c];
      [x, y] = [(b ?? 0) + dx * cos - dy * sin, c + dx * sin + dy * cos];
    }
  }
  return [x, y];
}

function numberAt(element: Element, name: string): number {
  return parseFloat(element.getAttribute(name) ?? "") || 0;
}

function fontSize(element: Element | null): number {
  if (element === null) return 12;
  return parseFloat(element.style?.fontSize ?? "") || fontSize(element.parentElement);
}

function isBold(element: Element): boolean {
  const weight = element.style?.fontWeight;
  return weight === "bold" || weight === "700" ||
    (element.children.length > 0 && Array.from(element.children).every(isBold));
}
