/**
 * Checks of a harness's end: asked for, by the end of input, by a kill.
 *
 * @module
 */
import { type Bench, END_S, greet, only } from "./bench.ts";
import { type Check, DoesNotApply } from "./check.ts";
import { type Dialogue, NotMet } from "./dialogue.ts";
import { sampleOf } from "./shots.ts";

/** Shots of the chunk in whose middle the harness is left or killed. */
const MANY = 50;

/** The checks of the end, in their order; each leaves the process ended. */
export const END_CHECKS: readonly Check[] = [
  {
    id: "interrupt",
    rule: "ignores SIGINT",
    async run(bench): Promise<void> {
      if (bench.elsewhere) throw new DoesNotApply("a transport does not pass signals on");
      const { dialogue } = await bench.booted();
      Deno.kill(dialogue.pid, "SIGINT");
      await greet(dialogue, bench.shotTimeoutS);
    },
  },
  {
    id: "shutdown",
    rule: `answers shutdown with bye and exits with 0 within ${END_S} s`,
    async run(bench): Promise<void> {
      const { dialogue } = await bench.booted();
      bench.spoil();
      only(await dialogue.ask({ type: "shutdown" }, bench.shotTimeoutS), "bye");
      const exitCode = await endsItself(dialogue, END_S);
      if (exitCode !== 0) throw new NotMet(`the exit code must be 0, got ${exitCode}`);
    },
  },
  {
    id: "end-of-input",
    rule: `exits by itself within ${END_S} s of the end of its input`,
    async run(bench): Promise<void> {
      const dialogue = await bench.start();
      await greet(dialogue, bench.shotTimeoutS);
      await endsItself(dialogue, END_S);
    },
  },
  {
    id: "left-alone",
    rule: "exits by itself when its input ends in the middle of a chunk",
    async run(bench): Promise<void> {
      const dialogue = await fireMany(bench);
      await endsItself(dialogue, bench.shotTimeoutS);
    },
  },
  {
    id: "kill",
    rule: "leaves the device usable when it is killed while it fires",
    async run(bench): Promise<void> {
      const dialogue = await fireMany(bench);
      await dialogue.end(0);
      await bench.booted();
    },
  },
];

/** Leaves the harness in the middle of a chunk. */
async function fireMany(bench: Bench): Promise<Dialogue> {
  const { dialogue, booted, info } = await bench.booted();
  bench.spoil();
  const { shots: [shot] } = sampleOf("dense", bench.model, booted)!;
  const shots = new Array(MANY).fill(shot);
  dialogue.send({ type: "fire", seq: 1, shots, iterations: 3, quantity: info.quantities[0] });
  return dialogue;
}

async function endsItself(dialogue: Dialogue, seconds: number): Promise<number | null> {
  const { exitCode, signal, killed } = await dialogue.end(seconds);
  if (killed) throw new NotMet(`it had not ended after ${seconds} s and was killed`);
  if (signal !== null) throw new NotMet(`it was ended by ${signal}`);
  return exitCode;
}
