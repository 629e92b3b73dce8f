import type { Figure } from "../../src/view/figure.ts";

/** A figure's title and subtitle, with their marks. */
export function textOf({ layout }: Figure): string {
  return (layout["title"] as { text: string }).text;
}
