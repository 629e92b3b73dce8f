/**
 * An architecture drafted from walks of an engine that has a layer of every kind.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import type { Walk, WalkedRequests, WalkNode } from "../harness/walk.ts";
import { kindName, type LayerKind } from "../model/kinds.ts";
import type { AttentionBlock, CatalogEntry } from "../model/model.ts";
import { timesInModel } from "./coverage.ts";
import { callTree, kernelName, namesOf, type Unit, type UnitCategory, unitsOf } from "./units.ts";

/** Groups of a catalogue, in the order in which files have them. */
export const GROUPS: readonly UnitCategory[] = [
  "dense",
  "per_sequence",
  "attention",
  "linear_attention",
  "moe",
];

/** The layers of a model, as an architecture file has them. */
export interface ArchitectureDraft {
  /** Decoder layers by type of attention, and their MLPs. */
  readonly blocks: {
    readonly attn: Readonly<Record<string, AttentionBlock>>;
    readonly sparse_attn: Readonly<Record<string, AttentionBlock>>;
    readonly mlp: { readonly dense: readonly string[]; readonly moe: readonly string[] };
  };
  /** What is there once. */
  readonly shared: { readonly prologue: readonly string[]; readonly head: readonly string[] };
  /** How layers are found, by group. */
  readonly catalog: Readonly<Record<UnitCategory, Readonly<Record<string, CatalogEntry>>>>;
}

/** The largest share of a forward that a draft leaves without a layer. */
export const MOST_DUST = 0.005;

/** What a draft is made of. */
export interface DraftOptions {
  /** Kinds of the engine's decoder layers. */
  readonly kinds: readonly LayerKind[];
  /** Kinds of the full model's. */
  readonly model: readonly LayerKind[];
  /** A walk at tensor-parallel degree 1. */
  readonly walk: Walk;
  /** The same at a higher degree; null when none can be had, and no layer is then taken to be independent of it. */
  readonly sharded: Walk | null;
  /** The batches that were walked; the first decides the order where they differ. */
  readonly batches: Readonly<Record<string, WalkedRequests>>;
  /** Share of a forward that may be left without a layer where blocks launch it beside their modules. @default {0.5%} */
  readonly mostDust?: number;
}

/**
 * Drafts an architecture.
 *
 * @param options Walks, and the kinds of the decoder layers.
 * @returns The draft.
 * @throws {UsageError} when layers of one kind of attention, or MLPs of one kind, consist of unlike layers.
 */
export function draftArchitecture(options: DraftOptions): ArchitectureDraft {
  const { kinds, walk, sharded } = options;
  const units = withAgreedGlue(unitsOfAll(options), kinds);
  const blocks = { attn: {}, sparse_attn: {}, mlp: { dense: [], moe: [] } } as {
    attn: Record<string, AttentionBlock>;
    sparse_attn: Record<string, AttentionBlock>;
    mlp: { dense: readonly string[]; moe: readonly string[] };
  };
  kinds.forEach((kind, decoder) => {
    const stages = stagesOf(units.filter((unit) => unit.decoder === decoder), kind);
    if (kind.attn !== "none") {
      const group = kind.sparse ? blocks.sparse_attn : blocks.attn;
      group[kind.attn] = agreed(
        group[kind.attn],
        { pre_attn: stages.pre_attn, post_attn: stages.post_attn },
        kind,
      );
    }
    if (kind.mlp !== "none") {
      const known = blocks.mlp[kind.mlp];
      blocks.mlp[kind.mlp] = agreed(known.length > 0 ? known : undefined, stages.mlp, kind);
    }
  });
  const outside = (place: Unit["place"]): string[] =>
    namesOf(units.filter((unit) => unit.decoder === null && unit.place === place));
  return {
    blocks,
    shared: { prologue: outside("prologue"), head: outside("head") },
    catalog: catalogOf(units, walk, sharded),
  };
}

/** The layers of all batches: those of the first in their order, and behind what they follow those that others add. */
function unitsOfAll({ kinds, model, walk, batches, mostDust = MOST_DUST }: DraftOptions): Unit[] {
  const all: Unit[] = [];
  const { caches } = walk;
  const launches = launchesAlways(walk);
  for (const [batch, requests] of Object.entries(batches)) {
    const found = unitsOf(callTree(walk, batch), { kinds, caches, sequences: requests.length, launches });
    let behind = -1;
    for (const unit of merged(found)) {
      const at = all.findIndex((known) => sameCall(known, unit));
      if (at >= 0) behind = Math.max(behind, at);
      else all.splice(++behind, 0, unit);
    }
  }
  return told(withoutDust(withResiduals(all), walk, timesInModel(kinds, model), mostDust), kinds);
}

/** Whether a module launches a kernel that has a name of its own in all batches. */
function launchesAlways({ batches }: Walk): (path: string, name: string) => boolean {
  const launched = Object.values(batches).map(({ nodes }) =>
    new Set(nodes.flatMap(({ path, kernels }) => kernels.map(([kernel]) => `${path} ${kernelName(kernel)}`)))
  );
  return (path, name) => launched.every((names) => names.has(`${path} ${name}`));
}

/**
 * What decoder layers launch beside their modules stands where its longest kernel runs, which may lie on either side of
 * an MLP that kinds share: it then stands behind the mixer in all of them.
 */
function withAgreedGlue(units: readonly Unit[], kinds: readonly LayerKind[]): readonly Unit[] {
  const isGlue = ({ name, decoder }: Unit): boolean => decoder !== null && name === "layer_glue";
  const byMlp = Map.groupBy(kinds.keys(), (decoder) => kinds[decoder]!.mlp);
  const differ = [...byMlp].some(([, decoders]) =>
    new Set(
      [...decoders].map((decoder) =>
        stagesOf(units.filter((unit) => unit.decoder === decoder), kinds[decoder]!).mlp.join()
      ),
    ).size > 1
  );
  if (!differ || !units.some(isGlue)) return units;
  const moved = units.filter((unit) => !isGlue(unit));
  for (const glue of units.filter(isGlue)) {
    const isMixer = ({ decoder, category }: Unit): boolean =>
      decoder === glue.decoder && (category === "attention" || category === "linear_attention");
    const mixer = moved.findLastIndex(isMixer);
    const last = moved.findLastIndex(({ decoder }) => decoder === glue.decoder);
    moved.splice((mixer < 0 ? last : mixer) + 1, 0, glue);
  }
  return moved;
}

/** An addition for each norm of a decoder layer is that of its residual, which norms of most families do themselves. */
function withResiduals(units: readonly Unit[]): Unit[] {
  return units.map((unit) => {
    const { name, decoder, node: { kernels } } = unit;
    const norms = units.filter((other) => other.decoder === decoder && other.name === "layernorm").length;
    const isResidual = name === "layer_glue" && kernels.length === norms &&
      kernels.every(([kernel]) => /add/i.test(kernel));
    return isResidual ? { ...unit, name: "layernorm", isAdded: true } : unit;
  });
}

/** Leaves out what blocks launch beside their modules as long as it is less than half of what may be uncovered. */
function withoutDust(
  units: readonly Unit[],
  walk: Walk,
  times: readonly number[],
  mostDust: number,
): Unit[] {
  const shares = new Map<string, number>();
  const launches = launchesAlways(walk);
  const isLayer = (path: string, name: string | null): boolean => name !== null && launches(path, name);
  for (const batch of Object.keys(walk.batches)) {
    const { nodes, decoder } = callTree(walk, batch);
    const usOf = (kernelsOf: (node: WalkNode) => WalkNode["kernels"]): number =>
      nodes.reduce((sum, node, at) => {
        if (node.parent === null) return sum;
        const own = decoder[at]!;
        return sum +
          (own === null ? 1 : times[own]!) * kernelsOf(node).reduce((us, [, each]) => us + each, 0);
      }, 0);
    const total = usOf(({ kernels }) => kernels);
    for (const name of new Set(units.map((unit) => unit.name))) {
      if (!name.endsWith("_glue")) continue;
      const paths = new Set(units.filter((unit) => unit.name === name).map(({ node }) => node.path));
      const share = usOf(({ path, kernels }) =>
        paths.has(path)
          ? kernels.filter(([kernel]) => !isLayer(path, kernelName(kernel)))
          : []
      ) / total;
      shares.set(name, Math.max(share, shares.get(name) ?? 0));
    }
  }
  let left = mostDust;
  const dust = new Set(
    [...shares].sort(([, a], [, b]) => a - b).filter(([, share]) => (left -= share) >= 0).map(([name]) =>
      name
    ),
  );
  return units.filter(({ name }) => !dust.has(name));
}

function sameCall(one: Unit, other: Unit): boolean {
  return one.decoder === other.decoder && one.node.path === other.node.path && one.name === other.name;
}

/** Layers that the engine's classes cannot tell apart are one: the first one's name stands for them. */
function merged(units: readonly Unit[]): Unit[] {
  const names = new Map<string, string>();
  return units.map((unit) => {
    const { node, decoder, kernels = [] } = unit;
    const place = [decoder === null ? "" : "decoder", node.class, parentPath(node.path), ...kernels].join(
      " ",
    );
    const name = names.get(place) ?? unit.name;
    names.set(place, name);
    return { ...unit, name };
  });
}

/** Layers of one name and unlike sizes in unlike kinds of decoder layers are told by the kind. */
function told(units: readonly Unit[], kinds: readonly LayerKind[]): Unit[] {
  const sizes = new Map<string, Map<string, string>>();
  const sizeOf = (name: string, decoder: number): string =>
    units.filter((unit) => unit.name === name && unit.decoder === decoder && !unit.isRest)
      .map(({ node }) => node.weights).join();
  for (const { name, decoder } of units) {
    if (decoder === null) continue;
    const known = sizes.get(name) ?? new Map<string, string>();
    const size = sizeOf(name, decoder);
    if (!known.has(size)) known.set(size, known.size === 0 ? name : `${prefixOf(kinds[decoder]!)}_${name}`);
    sizes.set(name, known);
  }
  return units.map((unit) =>
    unit.decoder === null
      ? unit
      : { ...unit, name: sizes.get(unit.name)!.get(sizeOf(unit.name, unit.decoder))! }
  );
}

function prefixOf({ attn, mlp }: LayerKind): string {
  return attn === "full_attention" ? mlp : attn.replace(/_attention$/, "");
}

/** The stages of a decoder layer: up to its mixer, from there to its MLP, and the rest. */
function stagesOf(
  units: readonly Unit[],
  kind: LayerKind,
): { pre_attn: string[]; post_attn: string[]; mlp: string[] } {
  if (kind.attn === "none") return { pre_attn: [], post_attn: [], mlp: namesOf(units) };
  const mixer = units.findLastIndex(({ category }) =>
    category === "attention" || category === "linear_attention"
  );
  const behind = units.findIndex(({ place }, at) => at > mixer && place === "mlp");
  const mlp = behind < 0 || kind.mlp === "none" ? units.length : behind;
  return {
    pre_attn: namesOf(units.slice(0, mixer + 1)),
    post_attn: rest(namesOf(units.slice(mixer + 1, mlp)), namesOf(units.slice(0, mixer + 1))),
    mlp: rest(namesOf(units.slice(mlp)), namesOf(units.slice(0, mlp))),
  };
}

/** What a later stage adds: a layer that an earlier one has is counted there, but for norms. */
function rest(names: readonly string[], before: readonly string[]): string[] {
  return names.filter((name) => name === "layernorm" || !before.includes(name));
}

function agreed<T>(known: T | undefined, found: T, kind: LayerKind): T {
  if (known === undefined || JSON.stringify(known) === JSON.stringify(found)) return found;
  throw new UsageError(
    `Cannot draft an architecture: layers of the kind ${
      kindName(kind)
    } must consist of what others of its attention ` +
      `or MLP do, got ${JSON.stringify(found)} beside ${JSON.stringify(known)}; write the file by hand`,
  );
}

function catalogOf(units: readonly Unit[], walk: Walk, sharded: Walk | null): ArchitectureDraft["catalog"] {
  const catalog = Object.fromEntries(GROUPS.map((group) => [group, {}])) as Record<
    UnitCategory,
    Record<string, CatalogEntry>
  >;
  const classes = classesByPath(walk);
  const attentions = attentionsByClass(walk);
  const namesByClass = new Map<string, Set<string | null>>();
  const nameOf = new Map(units.filter(({ kernels }) => !kernels).map(({ node, name }) => [node.path, name]));
  for (const [path, name] of classes) {
    const names = namesByClass.get(name) ?? new Set();
    namesByClass.set(name, names.add(nameOf.get(path) ?? null));
  }
  for (const name of new Set(units.map((unit) => unit.name))) {
    const own = units.filter((unit) => unit.name === name);
    const [{ category, kernels }] = own as [Unit];
    const stable = isStable(name, own, walk, sharded) && { tp_stable: true };
    if (kernels !== undefined) {
      const within = unique(own.map(({ node }) => node.class));
      catalog[category][name] = { vllm: [], within, kernels, ...stable };
      continue;
    }
    const vllm = unique(own.map(({ node }) => node.class));
    const ambiguous = vllm.some((each) => namesByClass.get(each)!.size > 1);
    const within = unique(
      own.flatMap(({ node: { path } }) =>
        walk.decoders.includes(path) ? LIST : ownerClass(path, classes) ?? []
      ),
    );
    const notWithin = unique(vllm.flatMap((each) => [...attentions.get(each) ?? []]));
    catalog[category][name] = {
      vllm,
      ...ambiguous && within.length > 0 && { within },
      ...notWithin.length > 0 && { not_within: notWithin },
      ...stable,
    };
  }
  return catalog;
}

/** The class of what holds the decoder layers, which is never called itself. */
const LIST = "ModuleList";

/** Whether a layer does the same at another degree: as many weights over as many numbers. */
function isStable(
  name: string,
  units: readonly Unit[],
  walk: Walk,
  sharded: Walk | null,
): boolean {
  // Experts are measured unsharded, whatever the degree.
  if (sharded === null || units[0]!.category === "moe") return false;
  // Every rank samples from the logits of all.
  if (name === "sampler") return true;
  const calls = Object.values(sharded.batches).flatMap(({ nodes }) => nodes);
  const isAlike = ({ path, weights, elements }: WalkNode, weighed: boolean): boolean =>
    calls.some((other) =>
      other.path === path && other.elements === elements && (!weighed || other.weights === weights)
    );
  return units.every(({ node, isRest }) => {
    // What a decoder layer adds up is the residual stream, which every rank has whole.
    if (walk.decoders.includes(node.path)) return isAlike(node, false);
    // What a block launches beside its modules works on what they give.
    const below = isRest ? nodesBelow(walk, node.path) : [];
    return [node, ...below].every((each) => isAlike(each, true));
  });
}

function nodesBelow(walk: Walk, path: string): WalkNode[] {
  const [{ nodes = [] } = {}] = Object.values(walk.batches);
  return nodes.filter((node) => path === "" || node.path.startsWith(`${path}.`));
}

function classesByPath(walk: Walk): Map<string, string> {
  return new Map(
    Object.values(walk.batches).flatMap(({ nodes }) =>
      nodes.slice(1).map(({ path, class: name }): [string, string] => [path, name])
    ),
  );
}

/** By class of module: the classes of the attentions that call one, in which its time is theirs. */
function attentionsByClass({ batches, caches }: Walk): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const { nodes } of Object.values(batches)) {
    const within: (string | null)[] = [];
    for (const { class: name, parent, cache } of nodes) {
      const above = parent === null ? null : within[parent]!;
      if (above !== null) found.set(name, (found.get(name) ?? new Set()).add(above));
      within.push(cache === null || caches[cache]?.kind === "state" ? above : name);
    }
  }
  return found;
}

/** The class of the nearest module above a path that was called. */
function ownerClass(path: string, classes: ReadonlyMap<string, string>): string | undefined {
  for (let above = parentPath(path); above !== null; above = parentPath(above)) {
    const found = classes.get(above);
    if (found !== undefined) return found;
  }
  return undefined;
}

function parentPath(path: string): string | null {
  return path === "" ? null : path.slice(0, Math.max(0, path.lastIndexOf(".")));
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
