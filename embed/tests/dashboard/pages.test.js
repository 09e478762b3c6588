// @vitest-environment happy-dom
// The scripts that act on their page as soon as they are loaded, and the toast.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { toast } from "../../../commentsvc/web/static/desk-toast.js";
import { installService } from "./desk.js";
import { until } from "../support/until";

beforeEach(() => vi.resetModules());

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  document.body.replaceChildren();
});

const select = (name, values) =>
  `<select data-attribute="${name}">${values.map((value) => `<option>${value}</option>`).join("")}</select>`;

function choose(name, value) {
  const box = document.querySelector(`[data-attribute=${name}]`);
  box.value = value;
  box.dispatchEvent(new Event("change"));
}

describe("the toast", () => {
  const shown = () => [...document.querySelectorAll(".toast")].map((one) => one.querySelector("p").textContent);

  it("shows one message at a time, for twenty seconds", () => {
    vi.useFakeTimers();
    toast("First.", false);
    vi.advanceTimersByTime(15_000);
    toast("Second.", false);
    expect(shown()).toEqual(["Second."]);
    vi.advanceTimersByTime(19_000);
    expect(shown()).toEqual(["Second."]);
    vi.advanceTimersByTime(1000);
    expect(shown()).toEqual([]);
  });

  it("keeps a refusal until the next message, as an alert", () => {
    vi.useFakeTimers();
    toast("No.", true);
    vi.advanceTimersByTime(600_000);
    expect(document.querySelector(".toast [role=alert]").textContent).toBe("No.");
  });

  it("offers to undo", () => {
    const undo = vi.fn();
    toast("Done.", false, undo);
    document.querySelector(".toast button").click();
    expect(undo).toHaveBeenCalledOnce();
    toast("Done.", false);
    expect(document.querySelector(".toast button")).toBeNull();
  });
});

describe("the lines to embed", () => {
  beforeEach(async () => {
    document.body.innerHTML = `${select("theme", ["", "dark"])}${select("lang", ["", "de"])}
      <code data-snippet>&lt;comment-thread site="blog"&gt;</code><button data-copy hidden></button><span data-copied></span>
      <comment-thread site="blog" thread="/p" title="A page" data-preview></comment-thread>`;
    await import("../../../commentsvc/web/static/desk-snippet.js");
  });

  it("name the attributes that were chosen, and the preview has them", () => {
    choose("theme", "dark");
    choose("lang", "de");
    const code = document.querySelector("[data-snippet]");
    expect(code.textContent).toBe('<comment-thread site="blog" theme="dark" lang="de">');
    const preview = document.querySelector("comment-thread");
    expect(preview.getAttributeNames().sort()).toEqual(["data-preview", "lang", "site", "theme", "thread", "title"]);
    choose("theme", "");
    expect(code.textContent).toBe('<comment-thread site="blog" lang="de">');
    expect(document.querySelectorAll("comment-thread")).toHaveLength(1);
  });

  it("are copied", async () => {
    const write = vi.spyOn(navigator.clipboard, "writeText").mockResolvedValue();
    document.querySelector("[data-copy]").click();
    await until(() => expect(document.querySelector("[data-copied]").textContent).toBe("Copied."));
    expect(write).toHaveBeenCalledWith('<comment-thread site="blog">');
  });
});

describe("passkeys", () => {
  const bytes = (...values) => new Uint8Array(values).buffer;
  const created = {
    id: "id",
    rawId: bytes(251, 255),
    type: "public-key",
    response: { clientDataJSON: bytes(1), attestationObject: bytes(2), getTransports: () => ["internal"] },
  };
  let service;
  let credentials;

  beforeEach(() => {
    service = installService();
    credentials = { create: vi.fn(() => Promise.resolve(created)), get: vi.fn() };
    vi.stubGlobal("PublicKeyCredential", class {});
    Object.defineProperty(navigator, "credentials", { configurable: true, value: credentials });
    service.on("/options", {
      body: {
        challenge: "-_8",
        user: { id: "AQI" },
        excludeCredentials: [{ id: "Aw" }],
        allowCredentials: [{ id: "BA" }],
      },
    });
  });

  async function open(kind) {
    document.body.innerHTML = `<form data-${kind}-passkey data-options="/options" data-answer="/answer" data-failed="Failed." hidden>
      <input name="csrf_token" value="csrf"><button>Go</button><p data-problem></p></form>
      <div data-codes hidden><code data-code-list></code></div>`;
    await import("../../../commentsvc/web/static/desk-passkeys.js");
    document.querySelector("form button").click();
  }

  const problem = () => document.querySelector("[data-problem]").textContent;
  const answer = () => JSON.parse(service.sent("/answer")[0].data.answer);

  it("are registered with decoded options and an encoded answer, and show the first recovery codes", async () => {
    service.on("/answer", { body: { codes: ["one", "two"] } });
    await open("make");
    expect(document.querySelector("form").hidden).toBe(false);
    await until(() => expect(document.querySelector("[data-codes]").hidden).toBe(false));
    expect(document.querySelector("[data-code-list]").textContent).toBe("one\ntwo");
    const { publicKey } = credentials.create.mock.calls[0][0];
    expect([...publicKey.challenge]).toEqual([251, 255]);
    expect([...publicKey.user.id]).toEqual([1, 2]);
    expect([...publicKey.excludeCredentials[0].id]).toEqual([3]);
    expect(answer()).toEqual({
      id: "id",
      rawId: "-_8",
      type: "public-key",
      response: { clientDataJSON: "AQ", attestationObject: "Ag", transports: ["internal"] },
    });
    expect(service.sent("/answer")[0].data.csrf_token).toBe("csrf");
  });

  it("sign in and lead to where the moderator was going", async () => {
    const response = { clientDataJSON: bytes(1), authenticatorData: bytes(2), signature: bytes(3), userHandle: null };
    credentials.get.mockResolvedValue({ id: "id", rawId: bytes(4), type: "public-key", response });
    const assign = vi.spyOn(location, "assign").mockImplementation(() => {});
    service.on("/answer", { body: { goal: "/dashboard" } });
    await open("show");
    await until(() => expect(assign).toHaveBeenCalledWith("/dashboard"));
    expect([...credentials.get.mock.calls[0][0].publicKey.allowCredentials[0].id]).toEqual([4]);
    expect(answer().response).toEqual({
      clientDataJSON: "AQ",
      authenticatorData: "Ag",
      signature: "Aw",
      userHandle: null,
    });
  });

  it("say why they were refused, and what to do where the browser gave none", async () => {
    service.on("/answer", { status: 400, body: { refused: "This passkey is known already." } });
    await open("make");
    await until(() => expect(problem()).toBe("This passkey is known already."));
    credentials.create.mockRejectedValue(new DOMException("canceled", "NotAllowedError"));
    document.querySelector("form button").click();
    await until(() => expect(problem()).toBe("Failed."));
    service.on("/options", { status: 403, body: "" });
    document.querySelector("form button").click();
    await until(() => expect(problem()).toContain("You may have been signed out."));
  });

  it("are not offered where the browser has none", async () => {
    vi.stubGlobal("PublicKeyCredential", undefined);
    await open("make");
    expect(document.querySelector("form").hidden).toBe(true);
  });
});

describe("the end of a sign-in", () => {
  const answer = { state: "s", code: "c" };

  async function open(opener) {
    document.body.innerHTML = `<p id="answer" data-origin="https://blog.test" data-target="https://blog.test/#commentsvc=1"></p>`;
    document.getElementById("answer").dataset.answer = JSON.stringify(answer);
    vi.stubGlobal("opener", opener);
    const close = vi.fn();
    vi.stubGlobal("close", close);
    const replace = vi.spyOn(location, "replace").mockImplementation(() => {});
    await import("../../../commentsvc/web/static/hand_over.js");
    return { close, replace };
  }

  it("gives the answer to the widget's origin only, and closes the window", async () => {
    const postMessage = vi.fn();
    const { close, replace } = await open({ postMessage });
    expect(postMessage.mock.calls).toEqual([[{ commentsvc: answer }, "https://blog.test"]]);
    expect(close).toHaveBeenCalledOnce();
    expect(replace).not.toHaveBeenCalled();
  });

  it("leads back to a page of the blog where the window was cut off from it", async () => {
    const { close, replace } = await open(null);
    expect(replace).toHaveBeenCalledWith("https://blog.test/#commentsvc=1");
    expect(close).not.toHaveBeenCalled();
  });
});
