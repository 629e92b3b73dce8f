/**
 * A walk as the layers of an architecture: which call is which layer, and in which order they run.
 *
 * @module
 */
import type { Walk, WalkNode } from "../harness/walk.ts";
import type { LayerKind } from "../model/kinds.ts";
import type { LayerGroup } from "../model/model.ts";

/** What a layer's time depends on: a group of the catalogue. */
export type UnitCategory = LayerGroup | "linear_attention";

/** Where in a forward a call is made. */
export type Place = "prologue" | "attention" | "between" | "mlp" | "head";

/** One call, or several that are one layer. */
export interface Unit {
  /** The layer's name. */
  readonly name: string;
  /** What its time depends on. */
  readonly category: UnitCategory;
  /** Where it is; of a decoder layer, `between` is what is neither in its attention nor in its MLP. */
  readonly place: Place;
  /** The decoder layer, null outside of them. */
  readonly decoder: number | null;
  /** The call. */
  readonly node: WalkNode;
  /** Whether it is what a call launches beside those that it calls. */
  readonly isRest: boolean;
  /** Texts in the names of the kernels that it consists of, where it is some of those that a call launches beside. */
  readonly kernels?: readonly string[];
  /** Whether its time counts with another call of the same name, which has the place in the order. */
  readonly isAdded?: boolean;
}

/** A walk's calls as a tree. */
export interface CallTree {
  /** The calls, the forward's own first. */
  readonly nodes: readonly WalkNode[];
  /** Positions of what a call calls. */
  readonly children: readonly (readonly number[])[];
  /** The decoder layer that a call is in, null for none. */
  readonly decoder: readonly (number | null)[];
}

/** What names and categories depend on. */
export interface Naming {
  /** Kinds of the engine's decoder layers. */
  readonly kinds: readonly LayerKind[];
  /** Groups of its KV cache. */
  readonly caches: Walk["caches"];
  /** Requests of the batch. */
  readonly sequences: number;
  /** Whether a module launches a kernel of this name in every batch, so that it can be a layer. @default {always} */
  readonly launches?: (path: string, kernel: string) => boolean;
}

const ONCE = new Set(["layernorm"]);
const QKV = new Set(["qkv_proj", "c_attn", "query_key_value", "Wqkv", "W_pack"]);
const OUT = new Set(["o_proj", "out_proj", "dense", "wo", "c_proj"]);

/**
 * Arranges a batch's calls as a tree.
 *
 * @param walk The walk.
 * @param batch The batch's name.
 * @returns The tree.
 * @throws {RangeError} when the walk has no such batch.
 */
export function callTree(walk: Walk, batch: string): CallTree {
  const nodes = walk.batches[batch]?.nodes;
  if (nodes === undefined) throw new RangeError(`The walk has no batch '${batch}'`);
  const children: number[][] = nodes.map(() => []);
  const decoder: (number | null)[] = [];
  nodes.forEach(({ parent, path }, at) => {
    if (parent !== null) children[parent]!.push(at);
    const own = walk.decoders.indexOf(path);
    decoder.push(own >= 0 ? own : parent === null ? null : decoder[parent]!);
  });
  return { nodes, children, decoder };
}

/**
 * The layers of a batch in the order in which they run.
 *
 * A call whose children launch nothing is a layer; a block that routes to experts is one layer with all that is in it;
 * what a block launches beside its children is a layer of its own, a `_glue` where it is no attention.
 *
 * @param tree The batch's calls.
 * @param naming What names depend on.
 * @returns The layers; calls that launch nothing are none.
 */
export function unitsOf(tree: CallTree, naming: Naming): Unit[] {
  const { nodes, children, decoder } = tree;
  const launches = nodes.map(({ kernels }) => kernels.length > 0);
  const caches = nodes.map(({ cache }) => cache !== null);
  const experts = nodes.map((node) => node.experts);
  for (let at = nodes.length - 1; at > 0; at--) {
    const parent = nodes[at]!.parent!;
    for (const known of [launches, caches, experts]) known[parent] ||= known[at]!;
  }
  const seenCache = new Set(decoder.filter((_, at) => nodes[at]!.cache !== null));
  const firstDecoder = decoder.findIndex((own) => own !== null);
  const units: Unit[] = [];

  function visit(at: number, inside: Place | null): void {
    const node = nodes[at]!;
    const own = decoder[at]!;
    if (!launches[at]) return;
    const place = placeOf(at, inside);
    const below = children[at]!.filter((child) => launches[child]);
    const isBlock = experts[at]! && place === "mlp";
    if (isPartOfMixer(at)) return;
    if (isBlock || below.length === 0 || isWhole(node)) {
      push(at, place, isBlock ? "moe" : null, false);
      return;
    }
    const within = own === null || isDecoder(at) ? null : place;
    for (const child of below.slice(0, node.after)) visit(child, within);
    if (node.kernels.length > 0) push(at, place, null, true);
    for (const child of below.slice(node.after)) visit(child, within);
  }

  function isDecoder(at: number): boolean {
    return decoder[at] !== decoder[nodes[at]!.parent!];
  }

  function placeOf(at: number, inside: Place | null): Place {
    if (decoder[at] === null) return at < firstDecoder ? "prologue" : "head";
    if (inside !== null) return inside;
    const node = nodes[at]!;
    if (isDecoder(at) || isNorm(node)) return "between";
    return caches[at] || (!seenCache.has(decoder[at]!) && /att/i.test(node.class + attribute(node)))
      ? "attention"
      : "mlp";
  }

  function push(at: number, place: Place, whole: "moe" | null, isRest: boolean): void {
    const node = nodes[at]!;
    const own = decoder[at]!;
    const kind = own === null ? null : naming.kinds[own]!;
    const keeps = node.cache ??
      (place === "attention" && own !== null && !seenCache.has(own) && isRest ? -1 : null);
    const mixer = keeps === null
      ? null
      : naming.caches[keeps]?.kind === "state"
      ? "linear_attention"
      : "attention";
    const name = whole ??
      (mixer === null || kind === null
        ? layerName({
          node,
          place,
          isRest,
          parents: parentsOf(at),
          kind,
          caches: naming.caches,
          nodes,
          children,
        })
        : mixerName(node, mixer, kind, naming.kinds));
    const perSequence = place === "head" && naming.sequences === node.rows;
    const category = whole ?? mixer ?? (perSequence ? "per_sequence" : "dense");
    const unit: Unit = { name, category, place, decoder: own, node, isRest };
    if (isRest && mixer === null && !isNorm(node)) units.push(...byKernel(unit, naming.launches));
    else units.push(unit);
  }

  /** Whether a call is a part of a mixer's own work: all in an attention, all but projections and norms in others. */
  function isPartOfMixer(at: number): boolean {
    const mixer = parentsOf(at).find(({ cache }) => cache !== null);
    if (mixer === undefined) return false;
    return naming.caches[mixer.cache!]?.kind !== "state" || !/Linear|Norm/.test(nodes[at]!.class);
  }

  function parentsOf(at: number): WalkNode[] {
    const found: WalkNode[] = [];
    for (let up = nodes[at]!.parent; up !== null; up = nodes[up]!.parent) found.push(nodes[up]!);
    return found;
  }

  for (const child of children[0]!) visit(child, null);
  return units;
}

/** What a block launches beside its modules: the rest, then a layer for each kernel that has a name of its own. */
function byKernel(unit: Unit, launches: NonNullable<Naming["launches"]> = () => true): Unit[] {
  const named = Map.groupBy(unit.node.kernels, ([kernel]) => {
    const name = kernelName(kernel);
    return name !== null && launches(unit.node.path, name) ? name : null;
  });
  const rest = named.get(null);
  named.delete(null);
  return [
    ...rest === undefined ? [] : [{ ...unit, node: { ...unit.node, kernels: rest } }],
    ...[...named].map(([text, kernels]) => ({
      ...unit,
      name: text!.replace(/^_+/, "").replace(/_+kernel$/, ""),
      node: { ...unit.node, kernels },
      kernels: [text!],
    })),
  ];
}

/** Kernels and operators that many things are made of: a framework's arithmetic, copies, products and sorting. */
const COMMON = /^aten::|\bat::|^Mem(cpy|set)\b|\b(cub|thrust)::|^nvjet|gemm|cutlass|cublas|^onednn|^mkldnn/i;

/**
 * The name of a kernel that was written for a purpose, such as a fused norm and rotary embedding.
 *
 * @param kernel As a profiler has it, with its type, namespace and template's arguments.
 * @returns The identifier; null for what is one of the framework's.
 *
 * @example
 * ```ts
 * import { kernelName } from "./units.ts";
 * import assert from "node:assert/strict";
 * assert.equal(kernelName("void vllm::fused_qk_norm_rope_kernel<float, 128>(float*)"), "fused_qk_norm_rope_kernel");
 * assert.equal(kernelName("void at::native::vectorized_elementwise_kernel<4>(int)"), null);
 * ```
 */
export function kernelName(kernel: string): string | null {
  if (COMMON.test(kernel)) return null;
  const [called = ""] = kernel.replace(/^void\s+/, "").split(/[<(]/);
  return /^(?:\w+::)*(\w+)$/.exec(called)?.[1] ?? null;
}

/**
 * The names of layers in the order in which they run, each once but for norms between the blocks of a decoder layer.
 *
 * @param units The layers.
 * @returns Their names.
 */
export function namesOf(units: readonly Unit[]): string[] {
  const names = units.filter(({ isAdded = false }) => !isAdded).map(({ name }) => name);
  return names.filter((name, at) => ONCE.has(name) || names.indexOf(name) === at);
}

/** The last part of a module's path: what its owner calls it. */
function attribute({ path }: Pick<WalkNode, "path">): string {
  return path.split(".").at(-1)!;
}

function isNorm({ class: name }: WalkNode): boolean {
  return /Norm/.test(name);
}

/** Modules that are one layer whatever they call. */
function isWhole({ class: name }: WalkNode): boolean {
  return name === "Sampler" || name === "LogitsProcessor";
}

function mixerName(
  node: WalkNode,
  mixer: "attention" | "linear_attention",
  kind: LayerKind,
  kinds: readonly LayerKind[],
): string {
  if (mixer === "linear_attention") return statePrefix(node);
  if (/indexer/i.test(node.path)) return "indexer";
  const others = kinds.some(({ attn }) =>
    attn !== kind.attn && attn !== "none" && attn !== "linear_attention"
  );
  return others && kind.attn !== "full_attention" ? kind.attn : "attention";
}

function statePrefix(node: WalkNode): string {
  return /delta|gdn/i.test(node.class) ? "gdn" : "ssm";
}

interface Named {
  readonly node: WalkNode;
  readonly place: Place;
  readonly isRest: boolean;
  readonly parents: readonly WalkNode[];
  readonly kind: LayerKind | null;
  readonly caches: Walk["caches"];
  readonly nodes: readonly WalkNode[];
  readonly children: readonly (readonly number[])[];
}

function layerName(named: Named): string {
  const { node, place, isRest, kind } = named;
  if (isRest) return restName(named);
  const own = attribute(node);
  switch (place) {
    case "prologue":
      return /Embedding/.test(node.class) && !/Rotary/.test(node.class) ? "embedding" : own;
    case "head":
      if (node.class === "LogitsProcessor") return "lm_head";
      if (node.class === "Sampler") return "sampler";
      return isNorm(node) ? "final_layernorm" : own;
    case "between":
      return isNorm(node) ? "layernorm" : own;
    case "attention":
      return attentionName(named, own);
    case "mlp": {
      const beside = kind?.mlp === "moe" ? "shared_" : "";
      if (isNorm(node)) return `${beside}mlp_norm`;
      if (/MergedColumnParallelLinear/.test(node.class)) return `${beside}gate_up_proj`;
      if (/^act|AndMul$/.test(own + node.class)) return `${beside}act_fn`;
      if (/RowParallelLinear/.test(node.class)) return `${beside}down_proj`;
      return beside + own;
    }
  }
}

function attentionName({ node, parents, caches }: Named, own: string): string {
  const mixer = parents.find(({ cache }) => cache !== null && caches[cache]?.kind === "state");
  if (mixer !== undefined) return `${statePrefix(mixer)}_${own.replace(/^in_proj.*/, "in_proj")}`;
  if (parents.some((parent) => /Indexer/.test(parent.class))) {
    return `indexer_${own.replace(/^indexer_?/, "")}`;
  }
  if (/Rotary/.test(node.class)) return "rotary_emb";
  if (isNorm(node)) {
    return /_a_(layer)?norm$/.test(own)
      ? "mla_a_layernorm"
      : /^(q|k|qk|query|key)_/.test(own)
      ? "qk_norm"
      : own;
  }
  if (QKV.has(own) || node.class === "QKVParallelLinear") return "qkv_proj";
  if (OUT.has(own)) return "o_proj";
  if (/qkv_a_proj$/.test(own)) return "mla_qkv_a_proj";
  if (/^(q|kv)_b_proj$/.test(own)) return "mla_b_proj";
  return own;
}

/** What a block launches beside the modules that it calls. */
function restName({ node, place, kind }: Named): string {
  switch (place) {
    case "prologue":
    case "head":
      return "model_glue";
    case "attention":
      return "attn_glue";
    case "mlp":
      return kind?.mlp === "moe" ? "shared_mlp_glue" : "mlp_glue";
    case "between":
      return isNorm(node) ? "layernorm" : "layer_glue";
  }
}
