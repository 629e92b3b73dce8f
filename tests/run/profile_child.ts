/** Profiles the small model in a process of its own, which tests kill: `profile_child.ts <perfDir> <harness> <settings>`. */
import { profileEvents } from "../../src/run/profile_events.ts";
import { resolveSettings } from "../../src/settings.ts";
import { SMALL } from "./small_model.ts";

const [perfDir, harness, more] = Deno.args;
for await (
  const event of profileEvents(
    resolveSettings({ ...SMALL, ...JSON.parse(more!), perfDir: perfDir!, harness: harness! }),
  )
) {
  if (event.type === "shot" || event.type === "finished") {
    Deno.stdout.writeSync(
      new TextEncoder().encode("."),
    );
  }
}
