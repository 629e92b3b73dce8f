/** The part of jsdom that is used here. */
export class JSDOM {
  constructor(html: string, options: { runScripts: "outside-only"; pretendToBeVisual: boolean });
  /** The document's window, with all that a browser's has but a screen. */
  // deno-lint-ignore no-explicit-any
  readonly window: any;
}
