// Sentences in the page's language. The English sentence is the key, as on the server, and the fallback.

/** A sentence, or one for each plural category (the names of CLDR and of Intl.PluralRules). */
export type Texts = Record<string, string | Record<string, string>>;

/** Marks a sentence that is translated later, so that build.mjs finds it. */
export const phrase = (english: string): string => english;

export const FAILED = phrase("That did not work. Nothing is lost; please try again.");

/** A sentence without values and plurals, in the language of the texts; the first bundle has no others. */
export const translate = (english: string, texts: Texts): string => (texts[english] as string | undefined) ?? english;

export class Translator {
  lang: string;
  texts: Texts;

  constructor(lang = "en", texts: Texts = {}) {
    this.lang = lang;
    this.texts = texts;
  }

  /** The sentence with its values filled in; `num` selects the plural. */
  translate(english: string, values: Record<string, string | number> = {}): string {
    let found = this.texts[english] ?? english;
    if (typeof found !== "string") {
      found = found[new Intl.PluralRules(this.lang).select(Number(values["num"]))] ?? found["other"] ?? english;
    }
    return found.replace(/%\((\w+)\)s/g, (_, name: string) => (values[name] ?? "").toLocaleString(this.lang));
  }
}
