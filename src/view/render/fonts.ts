/**
 * The typeface that figures are drawn with, the same on every machine.
 *
 * @module
 */
import { packageFile } from "./package_file.ts";

/** The faces of Open Sans as TrueType files: resvg draws no text at all with anything else. */
export const FONT_FILES: readonly string[] = [
  packageFile("@expo-google-fonts/open-sans/400Regular/OpenSans_400Regular.ttf"),
  packageFile("@expo-google-fonts/open-sans/700Bold/OpenSans_700Bold.ttf"),
];

/** The family's name. */
export const FONT_FAMILY = "Open Sans";
