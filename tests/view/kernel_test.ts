// deno-lint-ignore-file no-console
/** What a notebook's cells send, and the errors that are made visible there, with a kernel's front end made up. */
import assert from "node:assert/strict";
import { guardKernel, inNotebook, send } from "../../src/view/notebook/kernel.ts";
import { notebookProgress } from "../../src/view/notebook_progress.ts";
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

Deno.test("kernel: progress is one output that is replaced, in marks and in plain words", async () => {
  using front = kernel();
  const progress = notebookProgress({ now: () => 0 });
  progress.event({ type: "booting", tp: 1 });
  while (front.sent.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  progress.event({ type: "notice", message: `<b>"a" & 'b'</b>` });
  progress.event({ type: "finished", dir: "perf/x", measured: 1, failed: [], inDoubt: 0, seconds: 2 });
  await progress.close();
  const [first, last] = [front.sent[0]!, front.sent.at(-1)!] as [string, {
    data: Record<string, string>;
    transient: { display_id: string };
  }][];
  assert.deepEqual([first![0], last![0]], ["display_data", "update_display_data"]);
  assert.equal(last![1].transient.display_id, first![1].transient.display_id);
  assert.equal(first![1].data["text/plain"], "tp 1  booting, 0.0 s");
  assert.equal(
    last![1].data["text/plain"],
    `tp 1  booting, 0.0 s \nNote: <b>"a" & 'b'</b>\nperf/x: 1 new shot in 2.0 s`,
  );
  assert.equal(
    last![1].data["text/html"],
    '<table><tr><td style="text-align:left">tp 1</td><td style="text-align:left"></td>' +
      '<td style="text-align:left">booting, 0.0 s</td></tr></table>' +
      "<div>Note: &lt;b&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/b&gt;</div>" +
      "<div>perf/x: 1 new shot in 2.0 s</div>",
  );
});
