/**
 * One line that says how far something is: in place on a terminal, now and then elsewhere.
 *
 * @module
 */

const EVERY_MS = 5000;

/** Where the line is shown. */
export interface LineOutput {
  /** Writes a text as it is. */
  readonly write: (text: string) => void;
  /** Whether a line can be written over. */
  readonly inPlace: boolean;
}

/** A line that changes. */
export interface ProgressLine {
  /** Shows a text. */
  show(text: string): void;
  /** Leaves the last text standing. */
  end(): void;
}

/**
 * Standard output.
 *
 * @returns It.
 */
export function standardOutput(): LineOutput {
  const encoder = new TextEncoder();
  return {
    write: (text) => void Deno.stdout.writeSync(encoder.encode(text)),
    inPlace: Deno.stdout.isTerminal() && Deno.env.get("TERM") !== "dumb",
  };
}

/**
 * Begins a line.
 *
 * @param output Where it is shown.
 * @param now The time, in milliseconds.
 * @returns The line.
 */
export function progressLine(output: LineOutput, now: () => number = () => performance.now()): ProgressLine {
  const { write, inPlace } = output;
  let last = "";
  let shown = "";
  let shownAt = -Infinity;
  const put = (): void => {
    if (last === shown) return;
    write(inPlace ? `\r${last.padEnd(shown.length)}` : `${last}\n`);
    shown = last;
    shownAt = now();
  };
  return {
    show(text): void {
      last = text;
      if (inPlace || now() - shownAt >= EVERY_MS) put();
    },
    end(): void {
      put();
      if (inPlace && shown !== "") write("\n");
    },
  };
}
