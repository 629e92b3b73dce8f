/**
 * The typeface that figures are drawn with, the same on every machine.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/** The faces of Open Sans as TrueType files: resvg draws no text at all with anything else. */
export const FONT_FILES: readonly string[] = [
  fileURLToPath(import.meta.resolve("@expo-google-fonts/open-sans/400Regular/OpenSans_400Regular.ttf")),
  fileURLToPath(import.meta.resolve("@expo-google-fonts/open-sans/700Bold/OpenSans_700Bold.ttf")),
];

/** The family's name. */
export const FONT_FAMILY = "Open Sans";
