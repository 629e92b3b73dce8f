/**
 * The messages of the harness protocol (`harness/PROTOCOL.md`), one JSON object a line.
 *
 * @module
 */
import type {
  Booted,
  BootRequest,
  DeviceState,
  FailureKind,
  FireRequest,
  HarnessInfo,
  Stop,
  SustainedTimes,
  SustainRequest,
} from "./harness.ts";
import { formatJson } from "../files/json.ts";
import { answerSchema, requestSchema } from "./schemas.ts";
import type { Walk } from "./walk.ts";

/** The version that this side speaks. */
export const PROTOCOL_VERSION = 1;

/** Asks who the harness is. */
export interface HelloRequest {
  /** What the line is. */
  readonly type: "hello";
  /** Version that is spoken. */
  readonly protocol: number;
}

/** A request to a harness. */
export type Request =
  | HelloRequest
  | { readonly type: "boot" } & BootRequest
  | { readonly type: "fire"; readonly seq: number } & FireRequest
  | { readonly type: "sustain"; readonly seq: number } & SustainRequest
  | {
    readonly type: "walk";
    readonly batches: Readonly<Record<string, readonly (readonly [number, number])[]>>;
  }
  | { readonly type: "shutdown" };

/** Says who the harness is. */
export type HelloAnswer = { readonly type: "hello"; readonly protocol: number } & HarnessInfo;

/** Says that an engine is ready. */
export type BootedAnswer = { readonly type: "booted"; readonly tp: number } & Booted;

/** The samples of one shot. */
export interface ResultAnswer {
  /** What the line is. */
  readonly type: "result";
  /** Number of the fire request. */
  readonly seq: number;
  /** Position of the shot in the request. */
  readonly index: number;
  /** Microseconds of each timed forward, by layer. */
  readonly samples: Readonly<Record<string, readonly number[]>>;
  /** Why there are no more samples. */
  readonly stop?: Stop;
  /** Short hashes of the kernels of one forward, by layer. */
  readonly kernels?: Readonly<Record<string, readonly string[]>>;
  /** How often the shot was recorded until its forwards agreed in their kernels. */
  readonly recordings?: number;
  /** As `samples`, each kernel counted in full, of layers whose kernels overlap. */
  readonly kernel_sums?: Readonly<Record<string, readonly number[]>>;
  /** The clock in MHz right before the first forward and right behind the last one. */
  readonly shot_clocks_mhz?: readonly [number, number];
}

/** What the modules of a shot take under a lasting load. */
export interface SustainedAnswer {
  /** What the line is. */
  readonly type: "sustained";
  /** Number of the request. */
  readonly seq: number;
  /** Position of the shot in the request. */
  readonly index: number;
  /** Time of a call, power and clock, by layer. */
  readonly layers: Readonly<Record<string, SustainedTimes>>;
}

/** What the device was like before or after a part of the chunk. */
export type StateAnswer = { readonly type: "state"; readonly seq: number } & DeviceState;

/** Names of kernels, before their hashes are used. */
export interface KernelsAnswer {
  /** What the line is. */
  readonly type: "kernels";
  /** Names by short hash. */
  readonly names: Readonly<Record<string, string>>;
}

/** Says what batches went through. */
export type WalkedAnswer = { readonly type: "walked" } & Walk;

/** Why one shot has no samples. */
export interface FailedAnswer {
  /** What the line is. */
  readonly type: "failed";
  /** Number of the fire request. */
  readonly seq: number;
  /** Position of the shot in the request. */
  readonly index: number;
  /** What kind of failure. */
  readonly kind: FailureKind;
  /** What happened, in a sentence. */
  readonly message: string;
}

/** Ends the answers to a fire request. */
export interface DoneAnswer {
  /** What the line is. */
  readonly type: "done";
  /** Number of the fire request. */
  readonly seq: number;
  /** Microseconds in which the device worked for the request. */
  readonly device_busy_us?: number;
  /** Microseconds that the request took. */
  readonly wall_us?: number;
}

/** Says why a request has no answer. */
export interface ErrorAnswer {
  /** What the line is. */
  readonly type: "error";
  /** A failure kind, or one of the harness's own. */
  readonly kind: string;
  /** What happened, in a sentence. */
  readonly message: string;
  /** The engine's own words, null for none. */
  readonly detail: string | null;
}

/** An answer of a harness. */
export type Answer =
  | HelloAnswer
  | BootedAnswer
  | ResultAnswer
  | SustainedAnswer
  | FailedAnswer
  | StateAnswer
  | KernelsAnswer
  | DoneAnswer
  | WalkedAnswer
  | ErrorAnswer
  | { readonly type: "bye" };

/**
 * Writes a message as a line.
 *
 * @param message A request or an answer.
 * @returns JSON, with the line's end.
 */
export function encode(message: Request | Answer): string {
  return formatJson(message) + "\n";
}

/**
 * Reads an answer; fields that are not of the protocol are dropped.
 *
 * @param line The line, without its end.
 * @returns The answer.
 * @throws {SyntaxError} when it is no JSON or breaks the protocol, naming the field and the line.
 *
 * @example
 * ```ts
 * import { decodeAnswer } from "./protocol.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(decodeAnswer('{"type":"done","seq":7,"ms":12}'), { type: "done", seq: 7 });
 * ```
 */
export function decodeAnswer(line: string): Answer {
  return decode(answerSchema, line, "answer");
}

/**
 * Reads a request, for harnesses that are written in TypeScript.
 *
 * @param line The line, without its end.
 * @returns The request.
 * @throws {SyntaxError} when it is no JSON or breaks the protocol, naming the field and the line.
 */
export function decodeRequest(line: string): Request {
  return decode(requestSchema, line, "request");
}

function decode<T>(schema: typeof answerSchema | typeof requestSchema, line: string, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new SyntaxError(`Cannot read the ${what}: expected one JSON object a line, got ${shown(line)}`, {
      cause,
    });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data as T;
  const issue = parsed.error.issues[0]!;
  const at = issue.path.length > 0 ? `field ${issue.path.join(".")}` : "the message";
  const rule = issue.message.replace(/^Invalid input: /, "");
  throw new SyntaxError(`Cannot read the ${what}: ${at} breaks the protocol (${rule}) in ${shown(line)}`);
}

/** The line's beginning, quoted, in one line of text. */
function shown(line: string): string {
  return JSON.stringify(line.length > 160 ? line.slice(0, 160) + "…" : line);
}
