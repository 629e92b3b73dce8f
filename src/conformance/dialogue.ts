/**
 * Talking to a harness process without the client between: requests as they are, answers as they come.
 *
 * @module
 */
import { type Child, type Ending, startChild } from "../harness/child.ts";
import { type Answer, decodeAnswer } from "../harness/protocol.ts";

/** A rule that a harness does not meet, in words. */
export class NotMet extends Error {
  /** The class's name. */
  override name = "NotMet";
}

/** An answer did not come in time. */
export class Silent extends NotMet {}

/** A running harness process. */
export interface Dialogue {
  /** Process id. */
  readonly pid: number;
  /** Sends a request; what is no text is written as JSON. */
  send(request: unknown): void;
  /**
   * Sends a request and gives its answers up to the last one.
   *
   * @throws {NotMet} when a line is no answer of the protocol, there is no end of them, or the process ends.
   * @throws {Silent} when none comes in time.
   */
  ask(request: unknown, seconds: number): Promise<Answer[]>;
  /** Closes its input and waits for its end; it is killed after so many seconds. */
  end(seconds: number): Promise<Ending>;
}

/** The answers after which nothing more comes. */
const LAST: readonly Answer["type"][] = ["hello", "booted", "done", "error", "bye"];
/** More answers than any request has here. */
const MOST_ANSWERS = 1000;

/**
 * Starts a harness process.
 *
 * @param argv Its command.
 * @param onLog Called with each line of its standard error.
 * @returns The dialogue; nothing was said yet.
 * @throws {HarnessError} when it cannot be started.
 */
export async function startDialogue(
  argv: readonly string[],
  onLog: (line: string) => void,
): Promise<Dialogue> {
  const child = await startChild(argv, { onLog });
  const send = (request: unknown): void =>
    child.send(`${typeof request === "string" ? request : JSON.stringify(request)}\n`);
  return {
    pid: child.pid,
    send,
    async ask(request, seconds): Promise<Answer[]> {
      send(request);
      const answers: Answer[] = [];
      while (answers.length < MOST_ANSWERS) {
        const answer = decode(await line(child, seconds));
        answers.push(answer);
        if (LAST.includes(answer.type)) return answers;
      }
      throw new NotMet(`the answers must come to an end, got ${MOST_ANSWERS} and none that is the last`);
    },
    async end(seconds): Promise<Ending> {
      const [ending] = await Promise.all([child.stop(seconds * 1000), drain(child)]);
      return ending;
    },
  };
}

/** Reads what is left, so that nobody waits for a full pipe. */
async function drain(child: Child): Promise<void> {
  try {
    while (await child.receive() !== undefined);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
}

async function line(child: Child, seconds: number): Promise<string> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Silent(`no answer came within ${seconds} s`)), seconds * 1000);
  });
  try {
    const text = await Promise.race([child.receive(), late]);
    if (text !== undefined) return text;
  } catch (error) {
    if (error instanceof RangeError) throw new NotMet(`a line breaks the protocol: ${error.message}`);
    throw error;
  } finally {
    clearTimeout(timer);
  }
  const words = child.log().split("\n").at(-1)!;
  throw new NotMet(`the process ended${words === "" ? "" : `; its last words: ${words.slice(0, 300)}`}`);
}

function decode(text: string): Answer {
  try {
    return decodeAnswer(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new NotMet(error.message.replace("Cannot read the answer: ", "a line breaks the protocol: "));
  }
}
