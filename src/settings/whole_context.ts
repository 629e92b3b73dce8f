/**
 * How far histories reach where nothing but the engine ends them.
 *
 * @module
 */

/** The longest KV length in tokens that stands for as long as a request may be, above what any model takes. */
export const WHOLE_CONTEXT = 2 ** 24;
