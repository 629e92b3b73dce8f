import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { plainProgress } from "../../src/cli/progress_lines.ts";
import { showProgress } from "../../src/cli/progress.ts";
import { EVENTS, FAILURE, NOTICE, tickingClock } from "./events.ts";

/** Shows the events and returns what was written. */
function shown(verbosity: "silent" | "info" | "verbose", events = EVENTS): string[] {
  let text = "";
  const terminal = { err: (more: string) => void (text += more), errStream: null, env: {} };
  const view = showProgress(terminal, verbosity, tickingClock());
  for (const event of events) view.event(event);
  view.close();
  return text.trimEnd().split("\n");
}

Deno.test("showProgress: without a terminal, a line per step", () => {
  assert.deepEqual(shown("info"), [
    "vllm 0.32.0 on AMD EPYC 9R14",
    "tp 1: booting the engine",
    "tp 1: booted in 8.2 s",
    "tp 1: 5 shots planned, 1 of them done before",
    "tp 1 dense: 2/2, 0.5 shots/s, took 2.0 s",
    FAILURE,
    NOTICE,
    "tp 1 attention: 3/3, 0.6 shots/s, took 5.0 s, 1 failed",
  ]);
});

Deno.test("showProgress: silent tells warnings alone", () => {
  assert.deepEqual(shown("silent"), [FAILURE, NOTICE]);
});

Deno.test("showProgress: failures are told one by one up to ten", () => {
  const failure = EVENTS.find((event) => event.type === "failed-shot")!;
  assert.deepEqual(shown("silent", Array.from({ length: 30 }, () => failure)), [
    ...Array.from({ length: 10 }, () => FAILURE),
    "Failed: more shots, which are counted from here on",
  ]);
});

Deno.test("plainProgress: a step that lasts is told every few seconds", async () => {
  const lines: string[] = [];
  const view = plainProgress((line) => lines.push(line), () => 20_000, 1);
  const until = async (line: string): Promise<void> => {
    while (lines.at(-1) !== line) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  for (const event of EVENTS.slice(0, 2)) view.event(event);
  await until("tp 1: still booting after 0.0 s");
  for (const event of EVENTS.slice(2, 5)) view.event(event);
  await until("tp 1 dense: 1/2");
  view.close();
});

Deno.test("plainProgress: a sweep that goes on after its last shot has one closing line", async () => {
  const lines: string[] = [];
  const view = plainProgress((line) => lines.push(line), () => 20_000, 1);
  for (const event of EVENTS.slice(0, 6)) view.event(event);
  await new Promise((resolve) => setTimeout(resolve, 20));
  view.event(EVENTS[6]!);
  view.close();
  assert.deepEqual(lines.filter((line) => line.includes("dense")), ["tp 1 dense: 2/2"]);
});

Deno.test("plainProgress: where sweeps are fired side by side, the one of the last shot is told", async () => {
  const lines: string[] = [];
  const view = plainProgress((line) => lines.push(line), () => 20_000, 1);
  for (const at of [1, 2, 3, 4, 7, 5, 6]) view.event(EVENTS[at]!);
  const count = lines.length;
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(lines.length, count, "between a sweep and the next shot nothing goes on");
  view.event(EVENTS[8]!);
  while (lines.length === count) await new Promise((resolve) => setTimeout(resolve, 1));
  view.close();
  assert.equal(lines.at(-1), "tp 1 attention: 1/3");
});

Deno.test("plainProgress: of sweeps that are fired side by side, each has its closing line", () => {
  const lines: string[] = [];
  const view = plainProgress((line) => lines.push(line), () => 20_000);
  for (const at of [1, 2, 3, 4, 7, 5, 6, 8, 9, 11, 12]) view.event(EVENTS[at]!);
  view.close();
  assert.deepEqual(lines.filter((line) => line.includes("/")), [
    "tp 1 dense: 2/2",
    "tp 1 attention: 3/3, 1 failed",
  ]);
});

/** Shows the events on a terminal and returns what it and plain standard error were given. */
function drawn(
  env: Record<string, string>,
  given: { columns?: number | undefined; events?: typeof EVENTS; now?: () => number } = {},
): { terminal: string; plain: string } {
  const { events = EVENTS, now = tickingClock() } = given;
  const columns = "columns" in given ? given.columns : 80;
  let [terminal, plain] = ["", ""];
  const write = (chunk: unknown, _encoding: string, done: () => void): void => {
    terminal += String(chunk);
    done();
  };
  const errStream = Object.assign(new Writable({ write }), { isTTY: true, columns: columns as number });
  const err = (more: string): void => void (plain += more);
  const view = showProgress({ err, errStream, env }, "info", now);
  for (const event of events) view.event(event);
  view.line(`${"a word ".repeat(9)}two words that are broken between them`);
  view.line("x".repeat(100));
  view.line("");
  view.close();
  return { terminal, plain };
}

Deno.test("showProgress: on a terminal, a bar per sweep under one for the degree", () => {
  const { terminal } = drawn({ TERM: "xterm-256color" });
  for (
    const part of [
      "vllm 0.32.0 on AMD EPYC 9R14\n",
      `tp 1            [${"=".repeat(12)}] 5/5, 0.`,
      `  dense         [${"=".repeat(12)}] 2/2, 0.`,
      `  attention     [${"=".repeat(12)}] 3/3, 0.6 shots/s, took 5.0 s, 1 failed`,
      `two words that\x1b[K\n`,
      `${"x".repeat(79)}\x1b[K\n${"x".repeat(21)}\x1b[K\n`,
    ]
  ) assert(terminal.includes(part), part);
});

const widths: [columns: number | undefined, bar: number, line: number][] = [
  [60, 12, 59],
  [99, 12, 98],
  [100, 24, 99],
  [undefined, 12, 79],
];
for (const [columns, bar, line] of widths) {
  Deno.test(`showProgress: bars on a terminal of ${columns ?? "unknown"} columns`, () => {
    const { terminal } = drawn({ TERM: "xterm" }, { columns });
    assert(terminal.includes(`  dense         [${"=".repeat(bar)}] 2/2`), terminal);
    assert(!terminal.includes("=".repeat(bar + 1)));
    assert(terminal.includes(`${"x".repeat(line)}\x1b[K`));
    assert(!terminal.includes("x".repeat(line + 1)));
    const rows = stripVTControlCharacters(terminal.replaceAll("\x1b[1G", "\n")).split("\n");
    assert(rows.every((row) => row.length <= line), `${Math.max(...rows.map((row) => row.length))}`);
  });
}

Deno.test("showProgress: a row that is too long ends with a mark, and a boot tells how long it takes", () => {
  const { terminal } = drawn({ TERM: "xterm" }, { columns: 40 });
  assert(terminal.includes(`\x1b[1G  attention     [${"=".repeat(12)}] 3/3, 0.…\x1b`), terminal);
  const booting = (columns: number): string => {
    const times = [0, 0];
    const now = (): number => times.shift() ?? 9950;
    return drawn({ TERM: "xterm" }, { columns, events: EVENTS.slice(0, 2), now }).terminal;
  };
  for (const columns of [80, 32]) {
    assert(booting(columns).includes("\x1b[1Gtp 1  booting the engine ⠏ 10 s\x1b"));
  }
  assert(booting(31).includes("\x1b[1Gtp 1  booting the engine ⠏ 10…\x1b"), booting(31));
});

Deno.test("plainProgress: tells how far it is every five seconds", () => {
  const usual = globalThis.setInterval;
  const waits: unknown[] = [];
  try {
    globalThis.setInterval = ((...given: unknown[]) => waits.push(given[1])) as never;
    plainProgress(() => {}, () => 0).close();
  } finally {
    globalThis.setInterval = usual;
  }
  assert.deepEqual(waits, [5000]);
});

Deno.test("showProgress: a degree that is complete has a line, below the bars of the one before", () => {
  const complete = { type: "complete", tp: 2, shots: 9 } as const;
  const told = "tp 2: complete already, 9 shots planned; no engine is booted";
  const events = [...EVENTS.slice(0, 4), complete, { type: "booting", tp: 4 }] as typeof EVENTS;
  assert.deepEqual(shown("info", events).slice(-2), [told, "tp 4: booting the engine"]);
  const { terminal } = drawn({ TERM: "xterm" }, { events, now: () => 5000 });
  const [before, after, ...others] = terminal.split(`\n${told}\n`);
  assert.ok(
    before!.includes("dense") && after!.includes("tp 4  booting the engine") && others.length === 0,
    terminal,
  );
});

Deno.test("showProgress: a terminal that cannot move its cursor gets lines", () => {
  const { terminal, plain } = drawn({ TERM: "dumb" });
  assert.equal(terminal, "");
  assert.deepEqual(plain.split("\n").slice(0, 2), [
    "vllm 0.32.0 on AMD EPYC 9R14",
    "tp 1: booting the engine",
  ]);
  assert.ok(!plain.includes("\x1b"));
});

Deno.test("showProgress: bars of a degree that is over stand above the next one's, news beside them", () => {
  const shot = {
    type: "shot",
    category: "attention",
    key: [16, 0, 2, 16],
    timesUs: { attention: 10 },
  } as const;
  const events = [
    ...EVENTS.slice(0, 4),
    { type: "booting", tp: 1 },
    { type: "measuring-again", category: "dense", tp: 1, shots: 7 },
    { type: "sweep-started", category: "dense", tp: 1, planned: 2, done: 1 },
    { type: "fitted", method: "shrinkage", report: new Map() },
    { type: "booting", tp: 2 },
    {
      type: "planned",
      tp: 2,
      sweeps: [{ category: "dense", planned: 0, done: 0 }, { category: "attention", planned: 4, done: 2 }],
    },
    { type: "booted", tp: 2, limits: {}, layers: {}, seconds: 1 },
    { type: "sweep-started", category: "attention", tp: 2, planned: 4, done: 2 },
    { ...shot, tp: 2 },
  ] as typeof EVENTS;
  const { terminal } = drawn({ TERM: "xterm" }, { events, now: () => 5000 });
  const [hide, show, row, end] = [
    "\x1b[?25l\x1b[?7l\x1b[1G\x1b[2K",
    "\x1b[?25h\x1b[?7h",
    "\x1b[1G",
    "\x1b[0K\n",
  ];
  const bars = (...texts: string[]): string => {
    const drawn = texts.map((text) => `${row}${text}${end}`).join("");
    return `${drawn.slice(0, -1)}${show}\x1b[2A\x1b[1G${drawn}`;
  };
  const line = (text: string): string => `${text}\x1b[K\n`;
  assert.equal(
    terminal,
    "vllm 0.32.0 on AMD EPYC 9R14\n" + hide +
      line("tp 1 dense: 7 shots are measured again") + line("alphas fitted by shrinkage") +
      bars(
        "tp 1  booting the engine ⠋ 0.0 s",
        `  dense         [=${"-".repeat(11)}] 1/9`,
        `  attention     [${"-".repeat(12)}] 0/3`,
      ) + hide +
      line(`${"a word ".repeat(9)}two words that`) + line("are broken between them") +
      line("x".repeat(79)) + line("x".repeat(21)) + line("") +
      bars(
        `tp 2            [${"=".repeat(9)}---] 3/4`,
        `  dense         [${"=".repeat(12)}] 0/0`,
        `  attention     [${"=".repeat(9)}---] 3/4`,
      ),
  );
});
