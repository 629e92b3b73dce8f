/**
 * A journal that is written away from its bundle: of a plan that is fired elsewhere.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { formatJson } from "../files/json.ts";
import { readIfThere } from "../files/read.ts";
import { writeAtomic } from "../files/write.ts";
import type { FireFact, HarnessInfo } from "../harness/harness.ts";
import { readLines } from "../journal/file.ts";
import { identityOf } from "../journal/identity.ts";
import { JOURNAL_FORMAT, type JournalLine, type PlanLine, type Watch } from "../journal/line.ts";
import { type PlanHeader, planHeaderSchema } from "../shots/plan_file.ts";
import type { Quantity } from "../quantity.ts";
import { namedKernels } from "./timed_layers.ts";
import { applyLine, emptyState, type JournalState } from "./journal_state.ts";
import { JournalStore } from "./journal_store.ts";
import type { FactOrigin } from "./recorder.ts";

/** What is fired. */
export interface FiredOptions {
  /** The header of the plan. */
  readonly plan: PlanHeader;
  /** What is timed. */
  readonly quantity: Quantity;
  /** The time in seconds since 1970. @default now */
  readonly nowS?: () => number;
}

/** A journal away from its bundle that is open for writing; disposing closes it. */
class FiredJournal extends JournalStore {
  /** What was found on opening that a user should know, in sentences. */
  readonly notices: readonly string[];
  readonly skewMode = null;
  readonly #options: FiredOptions;

  /**
   * Takes over what was read.
   *
   * @internal
   */
  constructor(
    path: string,
    options: FiredOptions,
    read: { readonly bytes: number; readonly state: JournalState; readonly notices: readonly string[] },
  ) {
    super({ path, architecture: options.plan.architecture, nowS: options.nowS, ...read });
    this.#options = options;
    this.notices = read.notices;
  }

  /** Says who measures; it is recorded with the first shot. */
  start(info: HarnessInfo, watch: Watch | null, acceptSpeed: boolean): void {
    const { plan: { settings }, quantity } = this.#options;
    this.open({
      ...{ type: "session", format: JOURNAL_FORMAT, started: new Date().toISOString() },
      ...{ identity: identityOf(info, { ...settings, quantity }), settings: { ...settings }, watch },
      ...acceptSpeed && { accept_speed: true },
    });
  }

  skewProblem(): null {
    return null;
  }

  override note(fact: FireFact, about: FactOrigin = {}): void {
    if (fact.type !== "cost") return super.note(fact, about);
    this.record({ ...fact, lane: about.lane });
  }

  spend(): void {}

  saveIfDue(): Promise<void> {
    return Promise.resolve();
  }

  save(): Promise<void> {
    return this.sync();
  }
}

/**
 * Opens a journal away from its bundle, made with its plan's header when it is not there.
 *
 * @param path The file.
 * @param options What is fired.
 * @returns The journal; what it has counts as done.
 * @throws {UsageError} when it is of another plan, quantity or format, or the disk refuses.
 */
export async function openFired(path: string, options: FiredOptions): Promise<FiredJournal> {
  const { plan, quantity } = options;
  const held = await readIfThere(path);
  const state = emptyState(namedKernels(plan.architecture));
  let first: JournalLine | undefined;
  refuseForeign(path, held);
  const { bytes, notices } = readLines<JournalLine>(path, held, (line) => {
    if (first === undefined) refuseOther(path, first = line, plan, quantity);
    applyLine(state, line);
  });
  state.judge.end();
  if (first !== undefined) return new FiredJournal(path, options, { bytes, state, notices });
  const id = crypto.randomUUID().slice(0, 8);
  const started = new Date().toISOString();
  const header: PlanLine = { type: "plan", format: JOURNAL_FORMAT, id, started, quantity, plan };
  const text = formatJson(header) + "\n";
  await writeAtomic(path, text);
  return new FiredJournal(path, options, { bytes: new TextEncoder().encode(text).length, state, notices });
}

/** A file that does not begin as a journal is left alone; one that was cut in its first line is begun anew. */
function refuseForeign(path: string, held: Uint8Array | null): void {
  const text = new TextDecoder().decode(held?.subarray(0, 20));
  if (text === "" || text.startsWith('{"type":"plan"')) return;
  if (text.startsWith('{"type":"results"')) {
    throw new UsageError(
      `Cannot go on in ${path}: it is a results file, which is read and not written any more; ` +
        `ingest it, and fire into another file`,
    );
  }
  throw new UsageError(
    `Cannot write results to ${path}: it is another file; choose another name or remove it`,
  );
}

function refuseOther(path: string, first: JournalLine, plan: PlanHeader, quantity: Quantity): void {
  if (first.type !== "plan") {
    throw new UsageError(`Cannot go on in ${path}: its first line names no plan; choose another file`);
  }
  if (first.quantity !== quantity) {
    throw new UsageError(
      `Cannot go on in ${path}: it holds times of quantity ${first.quantity}, asked for ${quantity}; ` +
        `choose another file`,
    );
  }
  // Read in the same way, so that the order of fields does not count.
  if (JSON.stringify(first.plan) !== JSON.stringify(planHeaderSchema.parse(plan))) {
    throw new UsageError(`Cannot go on in ${path}: it holds results of another plan; choose another file`);
  }
}
