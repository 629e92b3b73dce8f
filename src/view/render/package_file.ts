/**
 * Files of packages that are read as they are.
 *
 * @module
 */
import { createRequire } from "node:module";

const { resolve } = createRequire(import.meta.url);

/**
 * Finds a file of a package in the project's `node_modules`: `import.meta.resolve` finds it only where the script that
 * runs lies in the project too.
 *
 * @param name The package, or a file of it.
 * @returns The file's path.
 */
export function packageFile(name: string): string {
  return resolve(name);
}
