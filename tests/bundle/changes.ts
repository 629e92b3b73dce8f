/** Changes of a bundle's files, as faults make them. */
import assert from "node:assert/strict";
import type { Files } from "./with_bundle.ts";

export type Change = (files: Files) => Files;

function text(files: Files, path: string): string {
  const content = files[path];
  assert.ok(typeof content === "string", path);
  return content;
}

/** Rewrites a file; the change has to change something. */
export function edit(path: string, change: (content: string) => string): Change {
  return (files) => {
    const before = text(files, path), after = change(before);
    assert.notEqual(after, before);
    return { ...files, [path]: after };
  };
}

export function put(path: string, content: string | Uint8Array | null): Change {
  return (files) => ({ ...files, [path]: content });
}

export function remove(path: string): Change {
  return (files) => Object.fromEntries(Object.entries(files).filter(([name]) => name !== path));
}

/** Changes the time of the first row. */
export function time(path: string, written: string): Change {
  return edit(path, (content) => content.replace(/^(.*\n.*,)[^,\n]*\n/, `$1${written}\n`));
}

export function headerOnly(path: string): Change {
  return edit(path, (content) => content.slice(0, content.indexOf("\n") + 1));
}

/** Adds the first row again with another time. */
export function duplicate(path: string): Change {
  return edit(path, (content) => `${content}${(content.split("\n")[1] ?? "").replace(/[^,]*$/, "1.5")}\n`);
}

export function firstRow(path: string, from: string, to: string): Change {
  return edit(path, (content) => content.replace(from, to));
}

/** No change. */
export const none = (files: Files): Files => files;
