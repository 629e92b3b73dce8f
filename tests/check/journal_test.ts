import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { renderIssue } from "../../src/bundle/issue.ts";
import { checkJournal } from "../../src/check/checks/journal.ts";
import { withBundle } from "../bundle/with_bundle.ts";

const LINE = `${JSON.stringify({ type: "chunk" })}\n`;
const PACKED = gzipSync(LINE.repeat(9));

const CASES: Record<string, [files: Record<string, string | Uint8Array>, found: RegExp[]]> = {
  "no journal": [{}, []],
  "a plain one": [{ "journal.jsonl": LINE }, []],
  "a packed one": [{ "journal.jsonl.gz": PACKED }, []],
  "a packed one that was cut": [{ "journal.jsonl.gz": PACKED.subarray(0, -9) }, [
    /^warning: journal\.jsonl: No run can go on and no report can be made: Cannot read journal\.jsonl\.gz: unexpected end of file; restore it or remove it$/,
  ]],
  "a packed one that is none": [{ "journal.jsonl.gz": "x" }, [/Cannot read journal\.jsonl\.gz: /]],
  "a newer one": [{ "journal.jsonl": '{"type":"session","format":99}\n' }, [/line 1 begins format 99, /]],
  "a line that was cut": [{ "journal.jsonl": LINE + LINE.slice(0, 5) }, [
    /^warning: journal\.jsonl: The journal is damaged: the last line was cut, its shot counts as not fired$/,
  ]],
  "lines of something else": [{ "journal.jsonl": `x\n${LINE}y\n` }, [
    /damaged: line 1 is no line of a journal, it is left out \(and 1 line more\)$/,
  ]],
};

for (const [name, [files, found]] of Object.entries(CASES)) {
  Deno.test(`validate on a journal: ${name}`, () =>
    withBundle({ tp1: null, ...files }, async (dir) => {
      const lines = (await checkJournal(dir)).map((issue) => renderIssue(issue).replaceAll(`${dir}/`, ""));
      assert.equal(lines.length, found.length, lines.join("\n"));
      found.forEach((expected, i) => assert.match(lines[i]!, expected));
    }));
}
