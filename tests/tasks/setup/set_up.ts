// deno-lint-ignore-file no-console
/** Sets a small environment up: `set_up.ts ROOT`. A process of its own, which tests kill. */
import { setupEnvironment } from "../../../tasks/setup/environment.ts";
import { SMALL } from "./small.ts";

await setupEnvironment(".venv", [SMALL], { root: Deno.args[0]!, say: console.log });
