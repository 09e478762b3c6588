// @vitest-environment happy-dom
import { expect, it } from "vitest";
import { Translator } from "../src/translator";

const MORE = "Show %(num)s more comments";

it("says what it has in the language, and the English sentence where there is nothing", () => {
  const translator = new Translator("de", { "Try again": "Noch einmal" });
  expect(translator.translate("Try again")).toBe("Noch einmal");
  expect(translator.translate("Reply to %(name)s", { name: "Ann" })).toBe("Reply to Ann");
});

it.each([
  ["ru", 1, "ещё один"],
  ["ru", 3, "ещё 3 комментария"],
  ["ru", 5, "ещё 5 комментариев"],
  ["ru", 21, "ещё один"],
])("chooses the plural as %s does for %i", (lang, num, expected) => {
  const texts = {
    [MORE]: {
      one: "ещё один",
      few: "ещё %(num)s комментария",
      many: "ещё %(num)s комментариев",
      other: "ещё %(num)s комментария",
    },
  };
  expect(new Translator(lang, texts).translate(MORE, { num })).toBe(expected);
});

it("writes numbers as the language does", () => {
  expect(new Translator("de").translate("%(num)s x", { num: 12_345 })).toBe("12.345 x");
});

it("puts what a person wrote in as it is, also what looks like a place to fill", () => {
  expect(new Translator().translate("Reply to %(name)s", { name: "%(name)s <b>" })).toBe("Reply to %(name)s <b>");
});

it.each(["5", "null", "true", "[]", "{}"])("says the English sentence where the translation is %s", (json) => {
  const translator = new Translator("de", { "Try again": JSON.parse(json) as string });
  expect(translator.translate("Try again", { num: 2 })).toBe("Try again");
});
