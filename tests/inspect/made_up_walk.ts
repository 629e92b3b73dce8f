/**
 * Walks for tests, written as indented lines: `<attribute> <Class>`, then what is special of the call.
 *
 * @module
 */
import type { Walk, WalkNode } from "../../src/harness/walk.ts";

/** What the calls of a made-up walk have in common. */
export interface MadeUp {
  /** Groups of the KV cache. */
  readonly caches?: Walk["caches"];
  /** Divides the sizes of calls that are marked as `sharded`. @default {1} */
  readonly tp?: number;
  /** Tokens of the batch; calls that are marked as `rows` have others. @default {40} */
  readonly tokens?: number;
}

/** A forward of one layer with the layers of an architecture file. */
export const LLAMA_FORWARD = `
model LlamaModel
  embed_tokens VocabParallelEmbedding sharded layer=embedding
  layers.0 LlamaDecoderLayer
    input_layernorm RMSNorm layer=layernorm
    self_attn LlamaAttention
      qkv_proj QKVParallelLinear sharded layer=qkv_proj
      attn Attention sharded cache=0 layer=attention
      o_proj RowParallelLinear sharded
    mlp LlamaMLP
      gate_up_proj MergedColumnParallelLinear sharded layer=gate_up_proj
      act_fn SiluAndMul sharded layer=act_fn
      down_proj RowParallelLinear sharded layer=down_proj
  norm RMSNorm layer=final_layernorm
logits_processor LogitsProcessor rows=2 sharded layer=lm_head
sampler Sampler rows=2 layer=sampler`;

const FULL = { kind: "full", block_size: 16, span: null } as const;

/**
 * Makes a walk of one batch. Marks behind the class: `+2.5` launches a kernel of 2.5 µs itself (leaves launch one of
 * 1 µs, `-` none), `adds=2` so many additions of 1 µs, `runs=_fused_norm_kernel` that one of 3 µs, `is=fused_norm` which
 * is that layer, `kernels=a,b` those of 1 µs each, `after=1` when it runs behind one child, `cache=0` keeps that group,
 * `experts` routes, `sharded` (of what gives whole numbers `sharded=weights`), `weights=8`, `rows=2`, `layer=qkv_proj` is
 * that layer.
 *
 * @param text The calls; decoder layers are children `0`, `1` and so on of `layers`.
 * @param options What they have in common.
 * @returns The walk; its batch is called `prefill`.
 */
export function madeUpWalk(text: string, { caches = [FULL], tp = 1, tokens = 40 }: MadeUp = {}): Walk {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const depthOf = (line: string): number => line.search(/\S/) / 2;
  const nodes: WalkNode[] = [{ ...BARE, path: "", class: "(forward)", parent: null, kernels: [["copy", 1]] }];
  const open: number[] = [0];
  lines.forEach((line, at) => {
    const [attribute, name, ...marks] = line.trim().split(/\s+/) as [string, string, ...string[]];
    const depth = depthOf(line);
    open.length = depth + 1;
    const parent = open[depth]!;
    const above = nodes[parent]!.path;
    const has = (mark: string): boolean => marks.includes(mark);
    const value = (mark: string): string | undefined =>
      marks.find((each) => each.startsWith(`${mark}=`))?.slice(mark.length + 1);
    const own = marks.find((mark) => mark.startsWith("+"));
    const isLeaf = at + 1 === lines.length || depthOf(lines[at + 1]!) <= depth;
    const us = own !== undefined ? Number(own.slice(1) || 1) : isLeaf && !has("-") ? 1 : 0;
    const size = has("sharded") ? tp : 1;
    nodes.push({
      path: attribute === "." ? above : above === "" ? attribute : `${above}.${attribute}`,
      class: name,
      parent,
      rows: Number(value("rows") ?? tokens),
      elements: 128 * tokens / size,
      weights: Number(value("weights") ?? 64) / (has("sharded=weights") ? tp : size),
      cache: value("cache") === undefined ? null : Number(value("cache")),
      layer: value("layer") ?? null,
      experts: has("experts"),
      after: Number(value("after") ?? 0),
      kernels: [
        ...us > 0 ? [[`${name} kernel`, us] as const] : [],
        ...(value("kernels")?.split(",") ?? []).map((kernel) => [kernel, 1] as const),
        ...Array.from({ length: Number(value("adds") ?? 0) }, () => ["aten::add", 1] as const),
        ...named(value("runs"), value("is")),
      ],
    });
    open.push(nodes.length - 1);
  });
  const decoders = nodes.map(({ path }) => path).filter((path) => /(^|\.)layers\.\d+$/.test(path));
  return { decoders, caches: [...caches], batches: { prefill: { nodes } } };
}

function named(kernel: string | undefined, layer: string | undefined): WalkNode["kernels"] {
  if (kernel === undefined) return [];
  return [layer === undefined ? [kernel, 3] : [kernel, 3, layer]];
}

const BARE = { rows: null, elements: 0, weights: 0, cache: null, layer: null, experts: false, after: 0 };
