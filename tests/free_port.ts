/** Ports for the servers of tests. */

/** Below them lie those that Ray keeps for its workers, from the last on those that systems give out by themselves. */
const [FIRST, END] = [20_000, 32_768];

/**
 * A port that nobody listens on, and that no system gives to whoever asks for any: between this call and the server's
 * start another program may ask.
 *
 * @returns The port, a random one.
 */
export function freePort(): number {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (END - FIRST));
    try {
      Deno.listen({ port, hostname: "0.0.0.0" }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
