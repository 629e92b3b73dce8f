/**
 * Alphas as files hold them.
 *
 * @module
 */
import { roundDecimals } from "../number_format.ts";

const DECIMALS = 4;
const SCALE = 10 ** DECIMALS;
/** Closer to a tie than this, the digits decide; a product is off by less. */
const NEAR_TIE = 1e-6;

/**
 * Rounds to 4 decimals, ties to even on the exact binary value.
 *
 * @param value The number.
 * @returns The rounded number.
 */
export function roundAlpha(value: number): number {
  const scaled = value * SCALE;
  const distance = Math.abs(scaled - Math.floor(scaled) - 0.5);
  // A quotient of two exact integers is the double nearest to the decimal, as parsing its digits is.
  return Math.abs(scaled) < 1e9 && distance > NEAR_TIE
    ? Math.round(scaled) / SCALE
    : roundDecimals(value, DECIMALS);
}
