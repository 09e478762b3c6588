// Creates elements: a tag, its attributes, its children.

type Child = Node | string;

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | boolean> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** A button; `part` is its class and its name for ::part(). */
export function makeButton(label: string, part: string, onClick: () => unknown): HTMLButtonElement {
  const button = make("button", { type: "button", class: part, part }, label);
  button.addEventListener("click", onClick);
  return button;
}

/** The element that the service draws there; a missing one is a fault of the template. */
export function query<E extends Element = HTMLElement>(root: ParentNode, selector: string): E {
  const found = root.querySelector<E>(selector);
  if (!found) throw new Error(selector);
  return found;
}

/** A random identifier. crypto.randomUUID exists on https pages only. */
export function uuid(): string {
  if ("randomUUID" in crypto) return crypto.randomUUID();
  const bytes = (crypto as Crypto).getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
