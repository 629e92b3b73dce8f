/** Numbers of the published functions have names, so that two of them cannot be swapped without a word. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import deno from "../../deno.json" with { type: "json" };

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** What takes or gives several numbers by their places, and why. */
const BY_PLACE: Readonly<Record<string, string>> = {
  "Predictor.dense": "asked a million times a second",
  "Predictor.mtp": "asked a million times a second",
  "Predictor.perSequence": "asked a million times a second",
  "AttentionShot.prefills": "the form of a plan's line, which other people's scripts read",
  "Clocks.clocks_mhz": "the form of a journal's line",
  "Evidence.shot_clocks_mhz": "the form of a journal's line",
  "SentinelReading.shot_clocks_mhz": "the form of a journal's line",
  "ShotOutcome": "the form of an answer's shot_clocks_mhz",
};

const symbolSchema = z.object({
  name: z.string(),
  declarations: z.array(z.object({ def: z.record(z.string(), z.unknown()).optional() })),
});
const pageSchema = z.object({ nodes: z.record(z.string(), z.object({ symbols: z.array(symbolSchema) })) });
const memberSchema = z.array(z.object({ name: z.string() }));
const typeSchema = z.object({ kind: z.string(), repr: z.string().optional(), value: z.unknown().optional() });

/** Whether a type is a number, or one that may be left out. */
function isNumber(type: unknown): boolean {
  const { data } = typeSchema.safeParse(type);
  if (data === undefined) return false;
  if (data.kind === "keyword") return data.repr === "number";
  if (data.kind === "optional" || data.kind === "named") return isNumber(data.value);
  if (data.kind !== "union" || !Array.isArray(data.value)) return false;
  const present = data.value.filter((one) =>
    !["null", "undefined"].includes(typeSchema.safeParse(one).data?.repr ?? "")
  );
  return present.length === 1 && isNumber(present[0]);
}

/** The type of a parameter, behind its default. */
function typeOf(param: unknown): unknown {
  const { tsType, left } = z.object({ tsType: z.unknown(), left: z.unknown() }).partial().parse(param);
  return tsType ?? (left === undefined ? undefined : typeOf(left));
}

/** Whether something takes several numbers by their places anywhere in what its documentation says of it. */
function mixesNumbers(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(mixesNumbers);
  if (typeof node !== "object" || node === null) return false;
  const { params, kind, value } = z.object({ params: z.unknown(), kind: z.unknown(), value: z.unknown() })
    .partial().parse(node);
  if (Array.isArray(params) && params.filter((param) => isNumber(typeOf(param))).length > 1) return true;
  if (kind === "tuple" && Array.isArray(value) && value.filter(isNumber).length > 1) return true;
  return Object.entries(node).some(([key, of]) => key !== "jsDoc" && key !== "location" && mixesNumbers(of));
}

/** Names of what an entry publishes that takes or gives several numbers by their places. */
async function byPlace(path: string): Promise<string[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["doc", "--json", path] }).output();
  const { nodes } = pageSchema.parse(JSON.parse(new TextDecoder().decode(stdout)));
  return Object.values(nodes).flatMap(({ symbols }) => symbols).flatMap(({ name, declarations }) =>
    declarations.flatMap(({ def = {} }) => {
      const { methods = [], properties = [], ...own } = def;
      const members = [methods, properties].flatMap((list) =>
        memberSchema.parse(list).map(({ name }, at) => ({
          name,
          node: (list as unknown[])[at],
        }))
      );
      return [
        ...mixesNumbers(own) ? [name] : [],
        ...members.filter(({ node }) => mixesNumbers(node)).map((member) => `${name}.${member.name}`),
      ];
    })
  );
}

Deno.test("published functions and types name their numbers, but for those with a reason", async () => {
  const found = await Promise.all(Object.values(deno.exports).map((path) => byPlace(`${ROOT}${path}`)));
  assert.deepEqual([...new Set(found.flat())].sort(), Object.keys(BY_PLACE).sort());
});

const CASES: readonly (readonly [text: string, found: readonly string[]])[] = [
  ["export function f(tokens: number, kv: number): void {}", ["f"]],
  ["export function f(tokens: number, layer: string, kv = 1): void {}", ["f"]],
  ["export function f(tokens: number, layer: string): void {}", []],
  ["export function f(tokens: number, layer: string, kv: number = 1): void {}", ["f"]],
  ["export function f(tokens: number, kv?: number | null): void {}", ["f"]],
  ["export function f({ tokens, kv }: { tokens: number; kv: number }): void {}", []],
  ["export function f(): (tokens: number, kv: number) => void { return () => {}; }", ["f"]],
  ["export interface A { at(tokens: number, kv: number): void; readonly b: number }", ["A.at"]],
  ["export interface A { readonly pairs: readonly (readonly [kv: number, count: number])[] }", ["A.pairs"]],
  ["export interface A { readonly named: readonly [name: string, us: number] }", []],
  ["export type A = readonly [number, number];", ["A"]],
  ["export const f = (tokens: number, kv: number): number => tokens + kv;", ["f"]],
  ["export class A { at(tokens: number, kv: number): void {} }", ["A.at"]],
];
for (const [text, expected] of CASES) {
  Deno.test(`found by place in ${text}: ${expected.join() || "nothing"}`, async () => {
    const path = await Deno.makeTempFile({ suffix: ".ts" });
    await Deno.writeTextFile(path, text);
    assert.deepEqual(await byPlace(path), expected);
    await Deno.remove(path);
  });
}
