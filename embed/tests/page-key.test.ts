// The same cases and properties as tests/core/test_page_keys.py.
import fc from "fast-check";
import { expect, it } from "vitest";
import cases from "../../tests/core/page_keys.json";
import { isSamePage, keyOf, type KeyRules } from "../src/page-key";

interface Case {
  value: string;
  key: string;
  trailing_slash?: string;
  letter_case?: string;
  page_params?: string;
}

const keys: Case[] = cases.keys;
const DROP: KeyRules = { trailingSlash: "drop", letterCase: "keep", pageParams: ["p", "page_id", "attachment_id"] };
const IGNORE: KeyRules = { ...DROP, letterCase: "ignore" };
const KEEP: KeyRules = { ...DROP, trailingSlash: "keep" };

function rulesOf({ trailing_slash, letter_case, page_params }: Case): KeyRules {
  return {
    trailingSlash: trailing_slash ?? DROP.trailingSlash,
    letterCase: letter_case ?? DROP.letterCase,
    pageParams: page_params === undefined ? DROP.pageParams : page_params.split(","),
  };
}

it.each(keys)("makes of $value the key $key", (one) => {
  expect(keyOf(one.value, rulesOf(one))).toBe(one.key);
});

const PIECES = ["/", "//", ".", "..", "index.html", "?", "&", "=", "p=1", "#", "%", "%2", "%2e", "%2F", "%C3", "%A9"];
const text = (maxLength: number): fc.Arbitrary<string> => fc.string({ unit: "binary", maxLength });
const address = fc
  .array(fc.oneof(fc.constantFrom(...PIECES, "https://blog.example"), text(3)), { maxLength: 9 })
  .map((pieces) => pieces.join(""));

it("makes of a key the key itself", () => {
  fc.assert(
    fc.property(address, fc.constantFrom(DROP, KEEP, IGNORE), fc.constantFrom("", "/"), (value, rules, start) => {
      const key = keyOf(start + value, rules);
      expect(keyOf(key, rules)).toBe(key);
    }),
  );
});

const inLowerCase = (encoded: string): string => encoded.replace(/%../g, (octet) => octet.toLowerCase());
const segment = text(4).filter((one) => !/[/?#%\\]/.test(one) && !["", ".", ".."].includes(one));

it("takes two addresses that a server treats as one for one", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(
          segment,
          fc.constantFrom("/", "//", "/./", "/x/../", "/%2e/"),
          fc.constantFrom("plain", "encoded", "lower"),
        ),
        { minLength: 1, maxLength: 4 },
      ),
      fc.constantFrom("", "https://blog.example", "http://www.blog.example:8080"),
      fc.constantFrom("/", "/index.html", "/.", ""),
      fc.constantFrom("", "?utm_source=x", "?fbclid=y&a=b", "#top", "?#"),
      (segments, origin, end, rest) => {
        const path = segments.map(([one]) => `/${one}`).join("");
        const other = segments.map(([one, before, spelling]) => {
          const encoded = one.replace(/[^!$&'()*+,;=:@]/gu, encodeURIComponent);
          return before + { plain: one, encoded, lower: inLowerCase(encoded) }[spelling];
        });
        expect(keyOf(origin + other.join("") + end + rest, DROP)).toBe(keyOf(path, DROP));
      },
    ),
  );
});

it("knows no page while the service has not said the site's rules", () => {
  const data = { trailingSlash: "drop", pageParams: "id" };
  expect(isSamePage("/a/?utm_source=x", "/a", data)).toBe(true);
  expect(isSamePage("/a?id=1", "/a?id=2", data)).toBe(false);
  expect(isSamePage("/a", "/a", {})).toBe(false);
});
