// The cards of the queue. A decision takes its cards off the page at once and is sent; if the service refuses it, the
// cards come back with the reason.
import { refreshCounts } from "./desk-counts.js";
import { toast } from "./desk-toast.js";

const AWAY = "Couldn't reach the server. Nothing was changed. Try again in a moment.";
const SIGNED_OUT = "You may have been signed out. Reload the page, and sign in if you are asked to.";

export class Queue {
  #decisions = []; // those that can be undone, the newest last: { undo, cards: [{ node, next }] }

  constructor(form) {
    this.form = form;
    this.list = form.querySelector(".cards");
    this.bar = form.querySelector(".bar");
    this.allResults = null; // { count, until } when all results are selected, also those on other pages
    this.sending = Promise.resolve();
    form.addEventListener("submit", (event) => this.#submitted(event));
    form.addEventListener("change", () => this.showSelection());
    form.querySelector(".all").hidden = false;
    form.querySelector("[data-all]").addEventListener("change", (event) => {
      for (const box of this.boxes()) box.checked = event.target.checked;
    });
    form.querySelector("[data-every]").addEventListener("click", () => this.selectAllResults());
    // Going back in history, browsers tick the boxes again after this script has run.
    addEventListener("pageshow", () => this.showSelection());
    this.showSelection();
  }

  cards() {
    return [...this.list.querySelectorAll(".card")];
  }

  boxes() {
    return [...this.list.querySelectorAll("input[name=ids]")];
  }

  selected() {
    return this.boxes()
      .filter((box) => box.checked)
      .map((box) => box.closest(".card"));
  }

  current() {
    return document.activeElement?.closest?.(".card") || null;
  }

  move(step) {
    const cards = this.cards();
    const at = cards.indexOf(this.current());
    const next = cards[at < 0 ? (step > 0 ? 0 : cards.length - 1) : Math.max(0, Math.min(cards.length - 1, at + step))];
    if (next) focusOn(next);
  }

  showSelection() {
    const boxes = this.boxes();
    const count = boxes.filter((box) => box.checked).length;
    const all = this.form.querySelector("[data-all]");
    all.checked = boxes.length > 0 && count === boxes.length;
    all.indeterminate = count > 0 && !all.checked;
    if (!all.checked) this.allResults = null;
    this.form.querySelector("[data-every]").hidden = !(
      all.checked &&
      this.form.dataset.more === "1" &&
      !this.allResults
    );
    this.bar.hidden = count === 0;
    const results = this.allResults?.count.toLocaleString("en");
    this.form.querySelector("[data-count]").textContent = results ? `All ${results} results:` : `${count} selected:`;
  }

  async selectAllResults() {
    const response = await fetch(this.form.dataset.matching);
    if (!response.ok) return toast(AWAY, true);
    this.allResults = await response.json();
    this.showSelection();
  }

  #submitted(event) {
    const button = event.submitter;
    if (!button || button.hasAttribute("data-uphold")) return;
    event.preventDefault();
    if (button.name === "one") {
      const [action, id] = button.value.split(":");
      const card = document.getElementById(`comment-${id}`);
      if (action === "answer") this.reply(card, button);
      else this.decide([card], action);
    } else if (button.name === "action") {
      this.decideSelected(button.value);
    }
  }

  decideSelected(action) {
    if (this.allResults) return this.decideAllResults(action);
    const cards = this.selected();
    if (cards.length) this.decide(cards, action);
  }

  decide(cards, action) {
    const data = new FormData();
    data.set("action", action);
    const one = cards.length === 1 ? cards[0].dataset.id : "";
    for (const name of ["note", "told"]) {
      const own = one && this.form.querySelector(`[name="${name}-${one}"]`)?.value;
      data.set(name, own || this.form.querySelector(`.bar [name="${name}"]`).value);
    }
    for (const card of cards) {
      data.append("ids", card.dataset.id);
      data.append("seen", card.querySelector("[name=seen]").value);
    }
    this.#sendDecision(cards, data);
  }

  // Approve and reply.
  reply(card, button) {
    const text = card.querySelector(".reply textarea");
    if (!text.value.trim()) return text.focus();
    const data = new FormData();
    data.set("one", button.value);
    data.set(text.name, text.value);
    data.set("seen", card.querySelector("[name=seen]").value);
    this.#sendDecision(this.form.dataset.status === "approved" ? [] : [card], data, () => {
      text.value = "";
      card.querySelector(".reply").open = false;
    });
  }

  // Take the cards off the page, send the decision, and put them back if it is refused. Requests are sent one after
  // another, because an undo must not overtake the decision that it undoes.
  #sendDecision(cards, data, after = () => {}) {
    const taken = this.#take(cards);
    const decision = { undo: "", cards: taken };
    this.#decisions.push(decision);
    this.sending = this.sending.then(async () => {
      const answer = await this.#send(this.form.getAttribute("action"), data);
      if (answer.undo) {
        decision.undo = answer.undo;
        after();
        toast(answer.said, false, () => this.undo());
      } else {
        this.#decisions.splice(this.#decisions.indexOf(decision), 1);
        this.#putBack(taken);
        if (cards[0]) focusOn(cards[0]);
        toast(answer.refused, true);
        if (answer.slug === "changed-since") for (const card of cards) this.#renew(card);
      }
      await refreshCounts().catch(() => {});
    });
  }

  async undo() {
    await this.sending;
    const decision = this.#decisions.pop();
    if (!decision) return toast("Nothing to undo on this page. You can undo older decisions in Activity.", true);
    this.sending = this.sending.then(async () => {
      const answer = await this.#undoWhole(decision);
      if (answer.refused) {
        toast(answer.refused, true);
        if (answer.isAway) this.#decisions.push(decision); // the next undo tries this one again
        return;
      }
      this.#putBack(decision.cards);
      for (const { node } of decision.cards) this.#setVersion(node.querySelector(".card"), answer.versions);
      if (decision.cards[0]) focusOn(decision.cards[0].node.querySelector(".card"));
      if (decision.reload) location.reload();
      toast(answer.said, false);
      await refreshCounts().catch(() => {});
    });
    return this.sending;
  }

  // The service undoes a large decision in parts, each of which counts as one request.
  async #undoWhole(decision) {
    const data = new FormData();
    data.set("undo", decision.undo);
    let done = 0;
    let versions = {};
    for (;;) {
      const answer = await this.#send(this.form.dataset.undo, data);
      if (answer.refused) return answer;
      done += answer.done;
      versions = { ...versions, ...answer.versions };
      if (!answer.left) {
        return { said: done === 1 ? "Undone." : `Undone: ${done.toLocaleString("en")} comments.`, versions };
      }
      data.set("into", answer.undo);
      this.#progress(done, done + answer.left);
    }
  }

  // All results, 500 in one request, as one decision that one undo takes back.
  decideAllResults(action) {
    const { count, until } = this.allResults;
    const taken = this.#take(this.cards());
    const data = new FormData();
    for (const [name, value] of Object.entries({
      action,
      until,
      status: this.form.dataset.status,
      q: this.form.dataset.query,
    })) {
      data.set(name, value);
    }
    for (const name of ["note", "told"]) data.set(name, this.form.querySelector(`.bar [name="${name}"]`).value);
    const decision = { undo: "", cards: taken, reload: true };
    this.bar.hidden = false;
    this.sending = this.sending.then(async () => {
      let done = 0;
      for (;;) {
        const answer = await this.#send(this.form.dataset.decideAll, data);
        if (answer.refused) {
          toast(`${answer.refused} Changed before that: ${done.toLocaleString("en")}.`, true);
          if (!done) this.#putBack(taken);
          break;
        }
        done += answer.done;
        if (answer.done) decision.undo = answer.undo;
        this.#progress(done, Math.max(count, done));
        if (!answer.left) {
          toast(`Done: ${done.toLocaleString("en")} comments.`, false, () => this.undo());
          break;
        }
        data.set("batch", answer.undo);
      }
      if (decision.undo) this.#decisions.push(decision);
      this.#progress(0, 0);
      this.allResults = null;
      this.form.dataset.more = "0";
      this.showSelection();
      await refreshCounts().catch(() => {});
    });
    return this.sending;
  }

  // Show the edit form of the comment's own page in the card.
  async quickEdit(card) {
    const open = card.querySelector(".edit-form");
    if (open) return open.querySelector("textarea").focus();
    const link = card.querySelector('[data-key="e"]');
    const response = await fetch(link.href);
    if (!response.ok) return toast(AWAY, true);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const edit = page.querySelector("[data-edit]");
    // HTML allows no form inside the form of the queue, so only the fields move here, and a script sends them.
    const place = document.createElement("div");
    place.className = "edit-form";
    place.append(edit.querySelector("textarea"), edit.querySelector(".acts"));
    const save = place.querySelector("button");
    save.type = "button";
    save.addEventListener("click", () => this.#saveEdit(card, place, edit));
    card.append(place);
    place.querySelector("textarea").focus();
  }

  async #saveEdit(card, place, edit) {
    const data = new FormData();
    data.set("body", place.querySelector("textarea").value);
    data.set("version", edit.querySelector("[name=version]").value);
    const answer = await this.#send(edit.getAttribute("action"), data);
    if (answer.refused) return toast(answer.refused, true);
    this.#decisions.push({ undo: answer.undo, cards: [], renews: card.dataset.id });
    toast(answer.said, false, () => this.undo().then(() => this.#renew(document.getElementById(card.id))));
    await this.#renew(card);
  }

  async #renew(card) {
    const id = card.dataset.id;
    const response = await fetch(new URL(id, new URL(this.form.dataset.card, location.href))); // …/card/0, with this comment's number
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.querySelector(".card");
    const had = card.contains(document.activeElement);
    card.replaceWith(document.adoptNode(fresh));
    if (had) focusOn(fresh);
  }

  async #send(address, data) {
    data.set("csrf_token", this.form.querySelector("[name=csrf_token]").value);
    try {
      const response = await fetch(address, { method: "POST", body: data, headers: { Accept: "application/json" } });
      if (response.headers.get("Content-Type")?.includes("json")) return await response.json();
      return response.status < 500 ? { refused: SIGNED_OUT } : { refused: AWAY, isAway: true };
    } catch {
      return { refused: AWAY, isAway: true };
    }
  }

  #take(cards) {
    const nodes = cards.map((card) => card.parentNode);
    const had = cards.some((card) => card.contains(document.activeElement)) || document.activeElement === document.body;
    const after = this.cards().filter((card) => !cards.includes(card));
    const at = this.cards().indexOf(cards[0]);
    const next = after.find((card) => this.cards().indexOf(card) > at) || after.at(-1);
    const taken = nodes.map((node) => ({ node, next: node.nextElementSibling }));
    for (const node of nodes) node.remove();
    this.#showEmpty();
    if (had && next) focusOn(next);
    this.showSelection();
    return taken;
  }

  #putBack(taken) {
    for (const { node, next } of [...taken].reverse()) {
      this.list.insertBefore(node, next?.parentNode === this.list ? next : null);
      const box = node.querySelector("input[name=ids]");
      box.checked = false;
    }
    this.#showEmpty();
    this.showSelection();
  }

  #setVersion(card, versions) {
    const version = versions?.[card.dataset.id];
    if (version) card.querySelector("[name=seen]").value = `${card.dataset.id}:${version}`;
  }

  #showEmpty() {
    const empty = this.form.querySelector(".cleared");
    empty.hidden = this.cards().length > 0;
    this.form.querySelector(".over").hidden = !empty.hidden;
    if (!empty.hidden) empty.querySelector("a").focus();
  }

  #progress(done, all) {
    const bar = this.form.querySelector("[data-progress]");
    bar.hidden = !all;
    bar.max = all || 1;
    bar.value = done;
  }
}

export function focusOn(card) {
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest" });
}
