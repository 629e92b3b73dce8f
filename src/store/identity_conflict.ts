/**
 * Whether a bundle may be extended by who measures now.
 *
 * @module
 */
import type { Meta } from "../bundle/meta.ts";
import { type Identity, identityDifferences } from "../journal/identity.ts";

/**
 * How an identity differs from the last one of a bundle, unless it is one of those that the bundle has.
 *
 * @param identities Who measured, by the journal's sessions.
 * @param meta The bundle's meta.yaml, which counts when there is no journal; null when there is none.
 * @param current Who measures now.
 * @returns One text per difference; none for a bundle that is new.
 */
export function identityConflict(
  identities: readonly Identity[],
  meta: Meta | null,
  current: Identity,
): string[] {
  const known = identities.length > 0 ? identities : meta === null ? [] : [recordedIdentity(meta)];
  // A session of before processors were recorded was taken for the one that followed it.
  const processor = known.find((recorded) => recorded.processor !== undefined)?.processor;
  const differences = known.map((recorded) =>
    identityDifferences({ ...processor && { processor }, ...recorded }, current)
  );
  return differences.some(({ length }) => length === 0) ? [] : differences.at(-1) ?? [];
}

/** What a meta.yaml tells; a published one names a GPU and a version of vLLM. */
function recordedIdentity(meta: Meta): Partial<Identity> {
  const { vllm_version, gpu, devices } = meta;
  const recorded = {
    engine: meta.engine ?? (vllm_version ? "vllm" : undefined),
    engine_version: meta.engine_version ?? vllm_version ?? undefined,
    device: devices?.at(-1) ?? gpu ?? undefined,
    driver: meta.driver,
    processor: meta.processor,
    dtype: meta.dtype,
    kv_cache_dtype: meta.kv_cache_dtype,
    quantity: meta.quantity,
    model_revision: meta.model_revision,
    clock_mhz: lockedClock(meta),
  };
  return Object.fromEntries(Object.entries(recorded).filter(([, value]) => value !== undefined));
}

function lockedClock({ conditions }: Meta): number | undefined {
  const mhz = conditions?.clock_mhz;
  return typeof mhz === "number" ? mhz : undefined;
}
