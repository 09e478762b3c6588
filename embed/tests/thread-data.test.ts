// @vitest-environment happy-dom
import { expect, it } from "vitest";
import { readCount, readTerms, readTexts, readVersion } from "../src/thread-data";

function section(data: Record<string, string>): HTMLElement {
  const element = document.createElement("section");
  for (const [name, value] of Object.entries(data)) element.dataset[name] = value;
  return element;
}

it("reads what the service writes", () => {
  const terms = { max: 500, guests: true, ways: [["github", "GitHub"]], edit: 900 };
  const drawn = section({
    count: "12",
    version: "7",
    terms: JSON.stringify(terms),
    texts: '{"Try again": "Noch einmal"}',
  });
  expect(readTerms(drawn)).toEqual(terms);
  expect(readTexts(drawn)).toEqual({ "Try again": "Noch einmal" });
  expect([readCount(drawn), readVersion(drawn)]).toEqual([12, 7]);
});

it("has no number before anything is loaded", () => {
  expect(readCount(section({}))).toBeNaN();
});

it.each(["", "null", "[]", '{"max": "9", "guests": "yes", "ways": "all", "edit": null}'])(
  "allows nothing by terms like %s",
  (terms) => {
    expect(readTerms(section({ terms }))).toEqual({ max: 0, guests: false, ways: [], edit: 0 });
  },
);

it("leaves out ways to sign in that are no pair of strings", () => {
  const terms = JSON.stringify({ ways: [["github", "GitHub"], ["email"], [1, 2], null, "x"] });
  expect(readTerms(section({ terms })).ways).toEqual([["github", "GitHub"]]);
});

it("has no translated sentence where there are none", () => {
  expect(readTexts(section({ texts: "" }))).toEqual({});
});
