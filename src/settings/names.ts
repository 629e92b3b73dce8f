/**
 * The kinds of values that are names: of models, types, folders and harnesses.
 *
 * @module
 */
import { z } from "zod";
import { type Kind, same } from "./kind.ts";

/** A piece of a file name or of the hub's names: no separator, no leading dot or dash, no `..`. */
const NAME = /^(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9._+-]*$/;

/** `<org>/<name>`, as the hub names models. */
export const modelId: Kind<string> = {
  placeholder: "<org>/<name>",
  schema: text(
    "expected <org>/<name> of letters, digits, '.', '_' and '-', such as Qwen/Qwen3-0.6B",
    (id) => {
      const parts = id.split("/");
      return parts.length === 2 && parts.every((part) => NAME.test(part));
    },
  ),
  read: same,
};

/** A branch, tag or commit, as git names them. */
export const revision: Kind<string> = {
  placeholder: "<revision>",
  schema: text(
    "expected a branch, tag or commit, such as main or refs/pr/1",
    (name) => name.length <= 200 && name.split("/").every((part) => NAME.test(part)),
  ),
  read: same,
};

/** The name of one folder. */
export const folderName: Kind<string> = {
  placeholder: "<name>",
  schema: text(
    "expected one folder name of letters, digits, '.', '_', '+' and '-', such as H100",
    (name) => NAME.test(name),
  ),
  read: same,
};

/** A folder's name; the names that mean "derive it" elsewhere are refused. */
export const variantName: Kind<string> = {
  placeholder: "<name>",
  schema: text(
    "expected one folder name, and neither auto nor default: leave it out to have it derived from the types",
    (name) => NAME.test(name) && name !== "auto" && name !== "default",
  ),
  read: same,
};

/** A numeric type by the engine's name. */
export const dtypeName: Kind<string> = {
  placeholder: "<type>",
  schema: text("expected a type's name, such as bfloat16 or fp8", (name) => /^[a-z][a-z0-9_]*$/.test(name)),
  read: same,
};

/** A numeric type, or null for the model's own, which may be written `auto`. */
export const weightDtype: Kind<string | null> = {
  ...dtypeName,
  schema: dtypeName.schema.nullable().transform((name) => name === "auto" ? null : name),
};

/** A path of the file system. */
export const path: Kind<string> = {
  placeholder: "<folder>",
  schema: text("expected a path", (value) => value !== "" && !value.includes("\0")),
  read: same,
};

/** The text that names a harness. */
export const harnessSpec: Kind<string> = {
  placeholder: "<harness>",
  schema: text(
    "expected vllm, ray[:<address>], roofline:<hardware>, replay:<bundle> or cmd:<argv>",
    (spec) => spec.trim() !== "",
  ),
  read: same,
};

function text(error: string, allows: (value: string) => boolean): z.ZodString {
  return z.string({ error }).refine(allows, error);
}
