/** Hubs that a test answers for. */

/** A hub that is stopped when it is disposed. */
export interface Server extends AsyncDisposable {
  readonly endpoint: string;
  readonly asked: readonly string[];
}

/** Answers on a port of its own. */
export function serve(answer: (request: Request) => Response | Promise<Response>): Server {
  const asked: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    asked.push(new URL(request.url).pathname);
    return answer(request);
  });
  return {
    endpoint: `http://127.0.0.1:${server.addr.port}`,
    asked,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** A server that hangs up in the middle of its answer. */
export function halfAnswer(): Disposable & { endpoint: string } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  void (async () => {
    for await (const connection of listener) {
      await connection.read(new Uint8Array(4096));
      await connection.write(new TextEncoder().encode(`HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"a":`));
      connection.close();
    }
  })();
  return { endpoint: `http://127.0.0.1:${listener.addr.port}`, [Symbol.dispose]: () => listener.close() };
}
