/**
 * The kernel that a notebook's cells run in.
 *
 * @module
 */

/** What Deno's kernel offers to cells; it is absent elsewhere. */
interface Jupyter {
  /** Sends a message to the front end. */
  broadcast(type: string, content: Readonly<Record<string, unknown>>): Promise<void>;
}

/** Representations of one output by MIME type. */
export type MimeBundle = Readonly<Record<string, unknown>>;

/** How an output is sent. */
export interface SendOptions {
  /** Name under which the output can be replaced. */
  readonly id?: string;
  /** Whether it replaces the output of that name. @default {false} */
  readonly update?: boolean;
}

/** The kernel reports the end of a cell when it likes: an output needs this long to be sure to arrive before it. */
const SETTLE_MS = 30;
/** Characters of an output that take one millisecond more. */
const CHARACTERS_PER_MS = 20_000;

let guarded = false;

/**
 * Whether this process is the kernel of a notebook.
 *
 * @returns Whether cells run here.
 */
export function inNotebook(): boolean {
  return jupyter() !== undefined;
}

/**
 * Sends an output and waits until it cannot be lost any more.
 *
 * @param data The output.
 * @param options How it is sent.
 */
export async function send(data: MimeBundle, options: SendOptions = {}): Promise<void> {
  guardKernel();
  const { id, update = false } = options;
  await jupyter()?.broadcast(update ? "update_display_data" : "display_data", {
    data,
    metadata: {},
    transient: id === undefined ? {} : { display_id: id },
  });
  const length = Object.values(data).reduce<number>((sum, part) => sum + lengthOf(part), 0);
  await new Promise((resolve) => setTimeout(resolve, update ? 0 : SETTLE_MS + length / CHARACTERS_PER_MS));
}

/**
 * Makes errors outside of a cell's own promise visible: without listeners an error in a timer stalls a cell for half a
 * minute, and a rejection that nobody awaits vanishes. Does nothing outside of a kernel, nor a second time.
 */
export function guardKernel(): void {
  if (guarded || !inNotebook()) return;
  guarded = true;
  const tell = (event: Event, error: unknown): void => {
    event.preventDefault();
    // deno-lint-ignore no-console
    console.error(error);
  };
  globalThis.addEventListener("error", (event) => tell(event, event.error));
  globalThis.addEventListener("unhandledrejection", (event) => tell(event, event.reason));
}

function jupyter(): Jupyter | undefined {
  try {
    return (Deno as unknown as { readonly jupyter: Jupyter }).jupyter;
  } catch {
    // Outside of a kernel, reading it throws.
    return undefined;
  }
}

function lengthOf(part: unknown): number {
  return typeof part === "string" ? part.length : JSON.stringify(part).length;
}
