// Sentences in the page's language: the English one is the key, as on the server, and what is shown when there is no other.

/** A sentence, or one for each plural category (CLDR's names, which are Intl.PluralRules' too). */
export type Texts = Record<string, string | Record<string, string>>;

/** Marks a sentence that is said later, for build.mjs to find. */
export const key = (english: string): string => english;

export class Words {
  constructor(
    public lang = "en",
    public texts: Texts = {},
  ) {}

  /** The sentence with its values filled in; `num` chooses the plural. */
  say(english: string, values: Record<string, string | number> = {}): string {
    let found = this.texts[english] ?? english;
    if (typeof found !== "string")
      found = found[new Intl.PluralRules(this.lang).select(Number(values["num"]))] ?? found["other"] ?? english;
    return found.replace(/%\((\w+)\)s/g, (_, name: string) => (values[name] ?? "").toLocaleString(this.lang));
  }
}
