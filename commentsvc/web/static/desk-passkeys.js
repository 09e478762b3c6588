// Making and showing passkeys: options from the service, the browser's answer back to it.
const decode = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));
const encode = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

for (const [selector, run] of [["[data-make-passkey]", make], ["[data-show-passkey]", show]]) {
  const form = document.querySelector(selector);
  if (!form || !window.PublicKeyCredential) continue;
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const problem = form.querySelector("[data-problem]");
    problem.textContent = "";
    try {
      await run(form);
    } catch (error) {
      problem.textContent = error instanceof Refused ? error.message : form.dataset.failed;
    }
  });
}

class Refused extends Error {}

async function make(form) {
  const options = await ask(form);
  options.challenge = decode(options.challenge);
  options.user.id = decode(options.user.id);
  for (const known of options.excludeCredentials || []) known.id = decode(known.id);
  const made = await navigator.credentials.create({ publicKey: options });
  const { codes } = await answer(form, {
    id: made.id,
    rawId: encode(made.rawId),
    type: made.type,
    response: {
      clientDataJSON: encode(made.response.clientDataJSON),
      attestationObject: encode(made.response.attestationObject),
      transports: made.response.getTransports?.() || [],
    },
  });
  if (!codes.length) return location.reload();
  document.querySelector("[data-code-list]").textContent = codes.join("\n");
  const place = document.querySelector("[data-codes]");
  place.hidden = false;
  place.scrollIntoView();
}

async function show(form) {
  const options = await ask(form);
  options.challenge = decode(options.challenge);
  for (const known of options.allowCredentials || []) known.id = decode(known.id);
  const shown = await navigator.credentials.get({ publicKey: options });
  const { goal } = await answer(form, {
    id: shown.id,
    rawId: encode(shown.rawId),
    type: shown.type,
    response: {
      clientDataJSON: encode(shown.response.clientDataJSON),
      authenticatorData: encode(shown.response.authenticatorData),
      signature: encode(shown.response.signature),
      userHandle: shown.response.userHandle ? encode(shown.response.userHandle) : null,
    },
  });
  location.assign(goal);
}

async function ask(form) {
  const response = await fetch(form.dataset.options);
  if (!response.ok) throw new Refused("Your session has expired. Reload the page and sign in again.");
  return response.json();
}

async function answer(form, credential) {
  const data = new FormData(form);
  data.set("answer", JSON.stringify(credential));
  const response = await fetch(form.dataset.answer, { method: "POST", body: data });
  const said = response.headers.get("Content-Type")?.includes("json") ? await response.json() : {};
  if (!response.ok) throw new Refused(said.refused || "Confirm it’s you: sign out and sign in again.");
  return said;
}
