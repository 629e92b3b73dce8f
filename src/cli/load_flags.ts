/**
 * The flags of commands that serve a load.
 *
 * @module
 */
import { type Command, InvalidArgumentError } from "commander";
import { UsageError } from "../errors.ts";
import { readText } from "../files/read.ts";
import { generateLoad } from "../serving/generate_load.ts";
import { type Load, parseLoad } from "../serving/load.ts";
import { positive } from "./command.ts";

/** Flags of the loads that a command draws or reads. */
export interface LoadFlags {
  /** A file. */
  readonly load?: string;
  /** Requests to draw. */
  readonly requests: number;
  /** Requests a second. */
  readonly rate?: number;
  /** Requests at any time. */
  readonly concurrency?: number;
  /** Shape of the times between arrivals. */
  readonly burstiness: number;
  /** Seed of the draws. */
  readonly seed: number;
}

/**
 * Declares the flags of a load.
 *
 * @param command What gets them.
 * @returns The command.
 */
export function addLoadFlags(command: Command): Command {
  return command
    .optionsGroup("Load:")
    .option("--load <file>", "Requests, JSON Lines as LLMServingSim or vLLM's benchmark write them")
    .option("--requests <n>", "Draw so many requests with the lengths of chats", positive, 1000)
    .option("--rate <n>", "Requests a second, drawn ones", above0)
    .option("--concurrency <n>", "Requests at any time, in place of arrivals by the clock", positive)
    .option("--burstiness <n>", "Below 1 drawn arrivals are burstier than a Poisson process", above0, 1)
    .option("--seed <n>", "Seed of the draws", whole, 0);
}

/**
 * The load that flags name.
 *
 * @param flags The flags.
 * @returns The load.
 * @throws {UsageError} when the file cannot be read, or neither a file, nor a rate or concurrency is named.
 */
export async function loadOf(flags: LoadFlags): Promise<Load> {
  const { load: path, requests, rate = null, concurrency = null, burstiness, seed } = flags;
  if (path !== undefined) return parseLoad(await readText(path), { path, concurrency });
  if (rate === null && concurrency === null) {
    throw new UsageError(
      "Cannot make a load: name a file with --load, or --rate or --concurrency to draw one",
    );
  }
  if (rate !== null && concurrency !== null) {
    throw new UsageError("Cannot make a load: --rate and --concurrency exclude each other");
  }
  return generateLoad({ requests, ratePerS: rate, concurrency, burstiness, seed });
}

/**
 * Reads a number.
 *
 * @param text A flag's value.
 * @returns The number.
 * @throws {InvalidArgumentError} when it is not above 0.
 */
export function above0(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("Expected a number above 0.");
}

/**
 * Reads a seed.
 *
 * @param text A flag's value.
 * @returns The seed.
 * @throws {InvalidArgumentError} when it is no whole number from 0.
 */
export function whole(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a whole number from 0.");
}

/**
 * Reads degrees.
 *
 * @param text A flag's value, numbers joined by commas.
 * @returns The degrees.
 * @throws {InvalidArgumentError} when one of them is no integer of at least 1.
 */
export function degrees(text: string): number[] {
  return text.split(",").map(positive);
}
