// deno-lint-ignore-file no-console
/** What a notebook's cells send, and the errors that are made visible there, with a kernel's front end made up. */
import assert from "node:assert/strict";
import { guardKernel, inNotebook, send } from "../../src/view/notebook/kernel.ts";
import { show } from "../../src/view/notebook/show.ts";

type Message = [type: string, content: unknown];

/** Makes this process a kernel whose front end only listens. */
function kernel(): Disposable & { readonly sent: Message[] } {
  const before = Object.getOwnPropertyDescriptor(globalThis, "Deno")!;
  const sent: Message[] = [];
  const broadcast = (...message: Message): Promise<void> => Promise.resolve(void sent.push(message));
  Object.defineProperty(globalThis, "Deno", {
    configurable: true,
    value: Object.create(Deno, { jupyter: { value: { broadcast } } }),
  });
  return { sent, [Symbol.dispose]: () => void Object.defineProperty(globalThis, "Deno", before) };
}

/** Listeners of the whole process that are added meanwhile. */
function listeners(): Disposable & { readonly added: Map<string, (event: unknown) => void> } {
  const before = globalThis.addEventListener;
  const added = new Map<string, (event: unknown) => void>();
  globalThis.addEventListener = ((type: string, listener: (event: unknown) => void) => {
    assert.ok(!added.has(type), type);
    added.set(type, listener);
  }) as typeof addEventListener;
  return { added, [Symbol.dispose]: () => void (globalThis.addEventListener = before) };
}

/** What is written to the console meanwhile. */
function consoleOf(method: "log" | "error"): Disposable & { readonly told: unknown[][] } {
  const before = console[method];
  const told: unknown[][] = [];
  console[method] = (...words) => void told.push(words);
  return { told, [Symbol.dispose]: () => void (console[method] = before) };
}

Deno.test("kernel: outside of a notebook nothing is guarded, and what is shown is printed", async () => {
  using on = listeners();
  using printed = consoleOf("log");
  assert.equal(inNotebook(), false);
  guardKernel();
  await show("a text");
  assert.deepEqual([...on.added.keys()], []);
  assert.deepEqual(printed.told, [["a text"]]);
});

Deno.test("kernel: an error outside of a cell's promise is printed once, and stalls nothing", () => {
  using _ = kernel();
  using on = listeners();
  using printed = consoleOf("error");
  assert.equal(inNotebook(), true);
  guardKernel();
  guardKernel();
  assert.deepEqual([...on.added.keys()], ["error", "unhandledrejection"]);
  let prevented = 0;
  const preventDefault = (): void => void prevented++;
  on.added.get("error")!({ preventDefault, error: "in a timer" });
  on.added.get("unhandledrejection")!({ preventDefault, reason: "awaited by nobody" });
  assert.equal(prevented, 2);
  assert.deepEqual(printed.told, [["in a timer"], ["awaited by nobody"]]);
});

Deno.test("kernel: an output is shown, has a name where one is given, or replaces that of its name", async () => {
  using front = kernel();
  const data = { "text/plain": "x" };
  await send(data);
  await send(data, { id: "a" });
  await send(data, { id: "a", update: true });
  await show("a text");
  assert.deepEqual(front.sent, [
    ["display_data", { data, metadata: {}, transient: {} }],
    ["display_data", { data, metadata: {}, transient: { display_id: "a" } }],
    ["update_display_data", { data, metadata: {}, transient: { display_id: "a" } }],
    ["display_data", { data: { "text/plain": "a text" }, metadata: {}, transient: {} }],
  ]);
});
