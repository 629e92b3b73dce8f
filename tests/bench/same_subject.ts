/**
 * What a bundle may be compared with: results of the same model on the same device.
 *
 * @module
 */
import type { Bundle } from "../../src/bundle/open.ts";
import { UsageError } from "../../src/errors.ts";

/** Whose results a file has. */
export interface Subject {
  /** The model. */
  readonly model: string;
  /** The device's name, as its driver reports it; absent where the file does not tell. */
  readonly device?: string;
}

/**
 * Refuses results of another model or device than a bundle's.
 *
 * @param bundle The bundle; what it does not tell is not compared.
 * @param path The file of the results.
 * @param found Whose they are.
 * @throws {UsageError} when the bundle is of another model or device.
 */
export function refuseOther({ dir, meta }: Pick<Bundle, "dir" | "meta">, path: string, found: Subject): void {
  const kinds = [["model", meta.model, found.model], ["device", meta.gpu, found.device]] as const;
  for (const [kind, own, other] of kinds) {
    if ([null, undefined, other].includes(own) || other === undefined) continue;
    throw new UsageError(
      `Cannot compare ${path} with ${dir}: the file is of ${other}, the bundle of ${own}; ` +
        `both must be of the same ${kind}`,
    );
  }
}
