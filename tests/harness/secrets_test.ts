import assert from "node:assert/strict";
import { HarnessError } from "../../src/errors.ts";
import { openHarness } from "../../src/harness/open.ts";
import { startProcessHarness } from "../../src/harness/process.ts";

Deno.test("a harness that fails shows no secrets of its command, its environment or its log", async () => {
  const logged: string[] = [];
  const script =
    "echo \"login with $API_TOKEN as --token abc-def\" >&2; echo 'Authorization: Bearer abcdefgh123' >&2; exit 3";
  await assert.rejects(
    startProcessHarness(["sh", "-c", script], {
      env: { API_TOKEN: "hf_fromtheenvironment" },
      onLog: (line) => logged.push(line),
    }),
    (error: Error) => {
      assert.ok(error instanceof HarnessError);
      assert.equal(
        error.message,
        "Harness 'sh' exited with 3 while saying hello; its last words: Authorization: Bearer ***",
      );
      assert.equal(error.details.stderrTail, "login with *** as --token ***\nAuthorization: Bearer ***");
      return true;
    },
  );
  assert.deepEqual(logged, ["login with *** as --token ***", "Authorization: Bearer ***"]);
});

Deno.test("a command that cannot be read is shown without its secrets", async () => {
  await assert.rejects(openHarness("cmd:worker --api-key k1 'open"), {
    message: "Cannot read the harness command: a quote is not closed in worker --api-key *** 'open",
  });
  await assert.rejects(
    openHarness("cmt:worker --api-key k1"),
    /Cannot open the harness 'cmt:worker --api-key \*\*\*'/,
  );
});
