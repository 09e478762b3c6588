// The key of a page's thread, as the service makes it (core/page_keys.py): tells whether two addresses are one page.
// Loaded on demand; tests/core/page_keys.json has the cases for both.

/** The site's settings of these names; the service writes them on the thread (comment.html). */
export interface KeyRules {
  /** "drop" or "keep". */
  trailingSlash: string;
  /** "keep" or "ignore". */
  letterCase: string;
  /** Parameters of the query that tell pages apart. */
  pageParams: string[];
}

const ADDRESS = /^https?:\/\/[^/?#]*/i;
const PATH_CHARACTER = /[\w\-.~!$&'()*+,;=:@/]/;
const QUERY_CHARACTER = /[\w\-.~!$&'()*+,;=:@/?]/;
const UNRESERVED = /[\w\-.~]/;
// Characters outside ASCII that an address may show decoded: `ucschar` of RFC 3987 without white space and marks of
// direction, as in core/page_keys.py.
const SHOWN =
  /[\u{a1}-\u{167f}\u{1681}-\u{1fff}\u{200b}-\u{200d}\u{2010}-\u{2027}\u{2030}-\u{205e}\u{2060}-\u{2065}\u{206a}-\u{2fff}\u{3001}-\u{d7ff}\u{f900}-\u{fdcf}\u{fdf0}-\u{fefe}\u{ff00}-\u{ffef}\u{10000}-\u{dfffd}\u{e1000}-\u{efffd}]/u;

/** Whether two addresses (path and query) are one page; `data` is the thread's. False while there is no thread. */
export function isSamePage(before: string, now: string, data: DOMStringMap): boolean {
  const { trailingSlash, letterCase = "", pageParams = "" } = data;
  if (trailingSlash === undefined) return false;
  const rules = { trailingSlash, letterCase, pageParams: pageParams.split(",") };
  return keyOf(before, rules) === keyOf(now, rules);
}

/** The key of an address or a path; any other value is an identifier and its own key. */
export function keyOf(value: string, rules: KeyRules): string {
  const [origin] = ADDRESS.exec(value) ?? [];
  if (origin === undefined && !value.startsWith("/")) return value;
  const [address = ""] = value.slice(origin?.length ?? 0).split("#", 1);
  const [path = "", ...rest] = address.split("?");
  let plain = `/${withoutDots(normalised(path, PATH_CHARACTER))}`.replace(/\/{2,}/g, "/");
  if (rules.letterCase === "ignore") plain = plain.toLowerCase().replace(/%../g, (octet) => octet.toUpperCase());
  const query = keptParameters(rest.join("?"), rules.pageParams);
  return withoutEnd(plain, rules.trailingSlash) + (query && `?${query}`);
}

/** The path without the name of a folder's page and, unless the site keeps it, without a slash at its end. */
function withoutEnd(path: string, trailingSlash: string): string {
  if (trailingSlash === "keep") return path.replace(/\/index\.html$/, "/");
  return path.replace(/(?:\/(?:index\.html)?)+$/, "") || "/";
}

/** The path without `.` and `..` (RFC 3986 §5.2.4). */
function withoutDots(path: string): string {
  const segments = path.split("/");
  const kept: string[] = [];
  for (const segment of segments.slice(1)) {
    if (segment === "..") kept.pop();
    else if (segment !== ".") kept.push(segment);
  }
  if (/^\.\.?$/.test(segments.at(-1) ?? "")) kept.push("");
  return path.includes("/.") ? `/${kept.join("/")}` : path;
}

/** The parameters with these names and a value, sorted by name; those of one name keep their order. */
function keptParameters(query: string, names: string[]): string {
  return query
    .split("&")
    .map((part) => normalised(part, QUERY_CHARACTER))
    .map((part) => ({ part, name: part.split("=", 1)[0] ?? "" }))
    .filter(({ part, name }) => names.includes(name) && part.length > name.length + 1)
    .sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)))
    .map(({ part }) => part)
    .join("&");
}

/** The text in one spelling: what need not be encoded is decoded, what must be is in capitals (RFC 3986 §6.2.2). */
function normalised(text: string, plain: RegExp): string {
  const parts = text.match(/(?:%[\da-f]{2})+|[^%]|%/giu) ?? [];
  return parts.map((part) => (part.length > 2 ? decoded(part) : encoded(part, plain))).join("");
}

/** Decode what need not be encoded; octets that are no UTF-8 stay encoded. */
function decoded(octets: string): string {
  let text = "";
  for (let rest = octets; rest;) {
    const length = [3, 6, 9, 12].find((one) => character(rest.slice(0, one)) !== null) ?? 3;
    const found = rest.slice(0, length);
    text += encoded(character(found) ?? "%", UNRESERVED, found.toUpperCase());
    rest = rest.slice(length);
  }
  return text;
}

/** The character that some octets are, or null. */
function character(octets: string): string | null {
  try {
    return decodeURIComponent(octets);
  } catch {
    return null; // not UTF-8
  }
}

const encoded = (character: string, plain: RegExp, code?: string): string =>
  plain.test(character) || isShown(character) ? character : (code ?? encodeURIComponent(character));

/** Whether an address may show a character outside ASCII; the last two of each plane are no characters. */
const isShown = (character: string): boolean =>
  SHOWN.test(character) && ((character.codePointAt(0) ?? 0) & 0xfffe) !== 0xfffe;
