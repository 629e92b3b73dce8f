/** The cells of notebooks. */

/** One output of a cell. */
export interface Output {
  /** `display_data`, `stream`, `execute_result` or `error`. */
  readonly output_type: string;
  /** Representations by MIME type. */
  readonly data?: Readonly<Record<string, unknown>>;
}

/** A cell. */
export interface Cell {
  /** `code` or `markdown`. */
  readonly cell_type: string;
  /** Its text: one, or one per line. */
  readonly source: string | readonly string[];
  /** What it gave, of code. */
  readonly outputs?: readonly Output[];
}

/** The notebooks' folder. */
export const NOTEBOOKS = "notebooks";

/**
 * Names of the notebooks, in their order.
 *
 * @returns The files' names.
 */
export function notebookNames(): string[] {
  return [...Deno.readDirSync(NOTEBOOKS)].map(({ name }) => name).filter((name) => name.endsWith(".ipynb"))
    .sort();
}

/**
 * Reads a notebook's cells.
 *
 * @param path The file.
 * @returns The cells.
 */
export function readCells(path: string): Cell[] {
  return JSON.parse(Deno.readTextFileSync(path)).cells;
}

/**
 * The code of a notebook as one module.
 *
 * @param cells The cells.
 * @returns The module's text; each cell is named in a comment.
 */
export function moduleOf(cells: readonly Cell[]): string {
  const code = cells.filter(({ cell_type }) => cell_type === "code");
  const parts = code.map(({ source }, i) => `// Cell ${i + 1}\n${[source].flat().join("")}\n`);
  return [...parts, "export {};\n"].join("\n");
}
