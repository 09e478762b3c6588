// @vitest-environment happy-dom
import { expect, it } from "vitest";
import { clean } from "../src/fragment";

it("lets nothing in that could run or restyle the page", () => {
  const page = document.implementation.createHTMLDocument();
  page.body.innerHTML =
    '<section onclick="x()" style="color:red"><p onmouseover=x>hi</p><script>x()</script><style>p{}</style>' +
    '<object data="x"></object><a href="https://example.org" rel="nofollow">link</a></section>';
  const section = clean(page.querySelector("section")!);
  expect(section.outerHTML).toBe('<section><p>hi</p><a href="https://example.org" rel="nofollow">link</a></section>');
});
