import type { RunEvent } from "../../src/events.ts";
import { profile, type ProfileOptions } from "../../src/run/profile.ts";
import type { SettingsInput } from "../../src/settings.ts";
import { fakeHarness, type FakeOptions } from "./fakes.ts";
import { SMALL } from "./small_model.ts";

/** Profiles the small model with fakes and gives what was told. */
export async function told(
  perfDir: string,
  input: Partial<SettingsInput> = {},
  fake: FakeOptions = {},
  options: ProfileOptions = {},
): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  const onEvent = (event: RunEvent): void => void events.push(event);
  await profile({ ...SMALL, perfDir, ...input }, {
    open: () => Promise.resolve(fakeHarness(fake)),
    onEvent,
    ...options,
  });
  return events;
}
