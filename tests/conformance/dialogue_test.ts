import assert from "node:assert/strict";
import { type Dialogue, NotMet, Silent, startDialogue } from "../../src/conformance/dialogue.ts";
import { watchTimers } from "../harness/timers.ts";

const silently = (): void => {};

const sh = (script: string, onLog: (line: string) => void = silently): Promise<Dialogue> =>
  startDialogue(["sh", "-c", script], onLog);

const BYE = '{"type":"bye"}';
const KERNELS = '{"type":"kernels","names":{}}';
const DONE = '{"type":"done","seq":1}';

/** Prints lines, then reads its input to its end. */
const prints = (...lines: string[]): string =>
  `printf '%s\\n' ${lines.map((line) => `'${line}'`).join(" ")}; cat >&2`;

Deno.test("dialogue: a request is one line, a text as it is and all else as JSON", async () => {
  const heard: string[] = [];
  const dialogue = await sh(
    `while read -r line; do printf '%s\\n' "$line" >&2; echo '${BYE}'; done`,
    (line) => heard.push(line),
  );
  for (const request of [{ type: "shutdown" }, "fire at will", [1]]) {
    assert.deepEqual(await dialogue.ask(request, 20), [{ type: "bye" }]);
  }
  dialogue.send({ left: true });
  assert.deepEqual(await dialogue.end(20), { exitCode: 0, signal: null, killed: false });
  assert.deepEqual(heard, ['{"type":"shutdown"}', "fire at will", "[1]", '{"left":true}']);
});

/** Answers that come to an end, and how many are read up to the last one. */
const ENDS: [script: string, types: string[]][] = [
  [prints(KERNELS, DONE, BYE), ["kernels", "done"]],
  [prints('{"type":"error","kind":"oom","message":"full","detail":null}', BYE), ["error"]],
  [prints('{"type":"failed","seq":1,"index":0,"kind":"out_of_memory","message":"full"}', DONE), [
    "failed",
    "done",
  ]],
  [`yes '${KERNELS}' | head -n 999; ${prints(BYE)}`, [...new Array(999).fill("kernels"), "bye"]],
];

for (const [at, [script, types]] of ENDS.entries()) {
  Deno.test(`dialogue: answers are read up to the last one (${at + 1})`, async () => {
    const dialogue = await sh(script);
    assert.deepEqual((await dialogue.ask("go", 20)).map(({ type }) => type), types);
    await dialogue.end(0);
  });
}

/** What a process says or does in place of an answer, and what is said of it. */
const WRONG: [script: string, text: string][] = [
  [
    `yes '${KERNELS}' | head -n 1000; ${prints(BYE)}`,
    "the answers must come to an end, got 1000 and none that is the last",
  ],
  [prints("ready"), 'a line breaks the protocol: expected one JSON object a line, got "ready"'],
  [
    prints('{"type":"done"}'),
    "a line breaks the protocol: field seq breaks the protocol (expected number, received undefined) in " +
    '"{\\"type\\":\\"done\\"}"',
  ],
  [
    `head -c 2097152 /dev/zero | tr '\\0' x; echo; cat`,
    `a line breaks the protocol: a line may have 1,048,576 characters, got more: "${"x".repeat(20)}`,
  ],
  ["read line", "the process ended"],
];

for (const [script, text] of WRONG) {
  Deno.test(`dialogue: ${text.slice(0, 80)}`, async () => {
    const dialogue = await sh(script);
    const error = await dialogue.ask("go", 20).catch((error) => error);
    assert.ok(error instanceof NotMet && !(error instanceof Silent), String(error));
    if (text.endsWith("x")) assert.ok(error.message.startsWith(text), error.message.slice(0, 200));
    else assert.equal(error.message, text);
    await dialogue.end(0);
  });
}

for (
  const [name, words, told] of [["short", "no device", "no device"], [
    "long",
    "x".repeat(301),
    "x".repeat(300),
  ]]
) {
  Deno.test(`dialogue: the ${name} last words of a process that ends are told`, async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const dialogue = await sh(
      `printf 'first\\n${words}\\n' >&2; read line`,
      (line) => line === words && resolve(),
    );
    await promise;
    await assert.rejects(dialogue.ask("go", 20), { message: `the process ended; its last words: ${told}` });
    await dialogue.end(0);
  });
}

Deno.test("dialogue: an answer is awaited for the seconds that are given, and an end too", async () => {
  using timers = watchTimers();
  const dialogue = await sh(prints(BYE));
  await dialogue.ask("go", 21.5);
  await dialogue.end(22.5);
  assert.deepEqual(timers.set.filter((ms) => ms > 20_000), [21_500, 22_500]);
  assert.deepEqual([...timers.left.values()].filter((ms) => ms > 20_000), []);
});

Deno.test("dialogue: what does not answer is silent", async () => {
  const dialogue = await sh("cat >&2");
  const error = await dialogue.ask("go", 0.01).catch((error) => error);
  assert.ok(error instanceof Silent);
  assert.equal(error.message, "no answer came within 0.01 s");
  await dialogue.end(0);
});

Deno.test("dialogue: an end tells how it came", async () => {
  const ends: [string, number, object][] = [
    ["cat >&2; exit 3", 20, { exitCode: 3, signal: null, killed: false }],
    ["cat >&2; kill -TERM $$", 20, { exitCode: null, signal: "SIGTERM", killed: false }],
    ["exec sleep 60", 0, { exitCode: null, signal: "SIGKILL", killed: true }],
    // More than a pipe holds: it ends when somebody reads that.
    [`cat >&2; yes '${KERNELS}' | head -n 20000; exit 4`, 20, { exitCode: 4, signal: null, killed: false }],
  ];
  for (const [script, seconds, ending] of ends) {
    assert.deepEqual(await (await sh(script)).end(seconds), ending);
  }
});

Deno.test("dialogue: a last line without an end does not keep a process", async () => {
  const dialogue = await sh(`cat >&2; head -c 2097152 /dev/zero | tr '\\0' x; exit 5`);
  const { killed } = await dialogue.end(20);
  assert.equal(killed, false);
});
