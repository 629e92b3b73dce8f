/**
 * Engines that were booted before, as a journal keeps them.
 *
 * @module
 */
import { z } from "zod";
import type { Booted } from "../harness/harness.ts";
import { bootedFields } from "../harness/schemas.ts";
import type { EngineLine } from "../journal/line.ts";
import { commonBooted } from "../workers/alike.ts";

const bootedSchema = z.object(bootedFields);

/**
 * The engine of a journal's lines.
 *
 * @param byLane The last line of each lane; undefined for none.
 * @returns What its boot told, of several lanes what each of them allows; null without a line, or when one of them is not
 * whole or they do not belong together.
 */
export function bootedBefore(byLane: ReadonlyMap<string, EngineLine> | undefined): Booted | null {
  const engines = [...byLane ?? []].map(([name, line]) => ({ name, parsed: bootedSchema.safeParse(line) }));
  const [first, ...others] = engines.flatMap(({ name, parsed }) =>
    parsed.success ? [{ name, booted: parsed.data }] : []
  );
  if (first === undefined || others.length + 1 < engines.length) return null;
  try {
    return commonBooted([first, ...others]);
  } catch {
    return null;
  }
}
