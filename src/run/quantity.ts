/**
 * What a run times.
 *
 * @module
 */
import type { Quantity } from "../quantity.ts";
import { UsageError } from "../errors.ts";
import type { HarnessInfo } from "../harness/harness.ts";

/**
 * Chooses what is timed.
 *
 * @param asked What was asked for, null for what the harness prefers.
 * @param info What the harness can time.
 * @returns The quantity.
 * @throws {UsageError} when the harness cannot time what was asked for.
 */
export function chosenQuantity(asked: Quantity | null, { harness, quantities }: HarnessInfo): Quantity {
  const chosen = asked ?? quantities[0];
  if (chosen !== undefined && quantities.includes(chosen)) return chosen;
  throw new UsageError(
    `Cannot time ${asked}: the harness ${harness} measures ${
      quantities.join(", ")
    }; choose one of these as quantity`,
  );
}
