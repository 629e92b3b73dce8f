/** The boxes of texts in a picture without a browser, by hand: anchors, lines, sizes, weights and transforms. */
import assert from "node:assert/strict";
import { textMeasurer } from "../../src/view/render/canvas.ts";
import { installMeasures } from "../../src/view/render/measures.ts";

const measure = textMeasurer();

interface Given {
  readonly tag?: string;
  readonly text?: string;
  readonly style?: { fontSize?: string; fontWeight?: string };
  readonly attributes?: Record<string, string>;
  readonly children?: readonly Given[];
}
class Element {
  readonly tagName: string;
  readonly textContent: string | null;
  readonly style: { fontSize: string; fontWeight: string } | undefined;
  readonly children: Element[];
  readonly attributes: Record<string, string>;
  constructor(
    { tag = "text", text, style, attributes = {}, children = [] }: Given,
    readonly parentElement: Element | null = null,
  ) {
    this.tagName = tag;
    this.children = children.map((child) => new Element(child, this));
    this.textContent = text ?? (this.children.map((child) => child.textContent).join("") || null);
    this.style = style && { fontSize: "", fontWeight: "", ...style };
    this.attributes = attributes;
  }
  getAttribute(name: string): string | null {
    return this.attributes[name] ?? null;
  }
  *querySelectorAll(selector: string): Generator<Element> {
    for (const child of this.children) {
      if (child.tagName === selector) yield child;
      yield* child.querySelectorAll(selector);
    }
  }
}
interface Measured {
  getBoundingClientRect(): Record<string, number>;
  getBBox(): Record<string, number>;
  getComputedTextLength(): number;
  getTotalLength(): number;
  getPointAtLength(): { x: number; y: number };
}
installMeasures({ Element, SVGElement: Element });
const of = (given: Given): Measured => new Element(given) as unknown as Measured;

function near(found: Record<string, number>, expected: readonly [number, number, number, number]): void {
  const { left, top, right, bottom, x, y, width, height } = found as Record<string, number>;
  const [l, t, r, b] = expected;
  const pairs = [[left, l], [top, t], [right, r], [bottom, b], [x, l], [y, t], [width, r - l], [
    height,
    b - t,
  ]];
  for (const [own, hand] of pairs) {
    assert.ok(Math.abs(own! - hand!) < 1e-9, `${JSON.stringify(found)}, by hand ${expected}`);
  }
}

const W = measure("tokens", 10, false);
const TEXT = { text: "tokens", style: { fontSize: "10px" } };
const boxes: [what: string, given: Given, box: [number, number, number, number]][] = [
  ["at its place", { ...TEXT, attributes: { x: "100", y: "50" } }, [100, 40, 100 + W, 53]],
  ["in the middle", { ...TEXT, attributes: { x: "100", y: "50", "text-anchor": "middle" } }, [
    ...[100 - W / 2, 40, 100 + W / 2, 53] as [number, number, number, number],
  ]],
  ["at its end", { ...TEXT, attributes: { x: "100", "text-anchor": "end" } }, [100 - W, -10, 100, 3]],
  ["without a size, 12 pixels", { text: "tokens" }, [0, -12, measure("tokens", 12, false), -12 + 12 * 1.3]],
  ["of a parent's size", { tag: "g", style: { fontSize: "10px" }, children: [{ text: "tokens" }] }, [
    0,
    -10,
    W,
    3,
  ]],
  ["in bold", { text: "tokens", style: { fontSize: "10px", fontWeight: "bold" } }, [
    ...[0, -10, measure("tokens", 10, true), 3] as [number, number, number, number],
  ]],
  ["of weight 700", { text: "tokens", style: { fontSize: "10px", fontWeight: "700" } }, [
    ...[0, -10, measure("tokens", 10, true), 3] as [number, number, number, number],
  ]],
  ["of two lines", {
    style: { fontSize: "10px" },
    children: [{ tag: "tspan", text: "a" }, { tag: "tspan", text: "tokens" }],
  }, [0, -10, W, -10 + 26]],
  ["whose only part is bold", {
    text: "tokens",
    style: { fontSize: "10px" },
    children: [{ tag: "b", text: "tokens", style: { fontWeight: "bold" } }],
  }, [0, -10, measure("tokens", 10, true), 3]],
  ["moved", { ...TEXT, attributes: { transform: "translate(5,7)" } }, [5, -3, 5 + W, 10]],
  ["moved along", { ...TEXT, attributes: { transform: "translate(5)" } }, [5, -10, 5 + W, 3]],
  ["scaled", { ...TEXT, attributes: { transform: "scale(2)" } }, [0, -20, 2 * W, 6]],
  ["scaled by two numbers", { ...TEXT, attributes: { transform: "scale(2, 3)" } }, [0, -30, 2 * W, 9]],
  ["turned", { ...TEXT, attributes: { transform: "rotate(90)" } }, [-3, 0, 10, W]],
  ["turned about a point", { ...TEXT, attributes: { transform: "rotate(90,20,30)" } }, [
    ...[20 + 30 - 3, 30 - 20, 20 + 30 + 10, 30 - 20 + W] as [number, number, number, number],
  ]],
  ["moved, then turned where it is", { ...TEXT, attributes: { transform: "translate(5,7) rotate(180)" } }, [
    ...[5 - W, 7 - 3, 5, 7 + 10] as [number, number, number, number],
  ]],
  ["in a group that is moved", {
    tag: "g",
    attributes: { transform: "translate(100,0)" },
    children: [{ ...TEXT, attributes: { transform: "translate(0,50)" } }],
  }, [100, 40, 100 + W, 53]],
  ["in a group with another and one that is empty", {
    tag: "g",
    children: [
      { ...TEXT, attributes: { x: "100", y: "50" } },
      { ...TEXT, attributes: { x: "10", y: "80" } },
      { text: "", attributes: { x: "-500", y: "-500" } },
    ],
  }, [10, 40, 100 + W, 83]],
  ["that is empty", { text: "" }, [0, 0, 0, 0]],
  ["that is none", { tag: "path" }, [0, 0, 0, 0]],
];
for (const [what, given, box] of boxes) {
  Deno.test(`the box of a text ${what}`, () => {
    near(of(given).getBBox(), box);
    near(of(given).getBoundingClientRect(), box);
  });
}

Deno.test("a text is as long as its letters are wide, longer in bold and in a larger size; a path has no length", () => {
  const text = of(TEXT);
  assert.equal(text.getComputedTextLength(), W);
  assert.ok(measure("tokens", 10, true) > W);
  assert.ok(Math.abs(measure("tokens", 20, false) / W - 2) < 0.02);
  assert.deepEqual([text.getTotalLength(), text.getPointAtLength()], [0, { x: 0, y: 0 }]);
});
