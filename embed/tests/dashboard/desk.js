// The queue's page as the service draws it (dashboard/queue.html and card.html, shortened to what the scripts use), and the
// service behind it.
import { vi } from "vitest";

const card = (id, version = 1) => `<li><article class="card" id="comment-${id}" data-id="${id}" tabindex="-1">
  <input type="hidden" name="seen" value="${id}:${version}">
  <input type="checkbox" name="ids" value="${id}">
  <button type="submit" name="one" value="approve:${id}" class="act-approve">Approve</button>
  <button type="submit" name="one" value="spam:${id}" class="act-spam">Spam</button>
  <button type="submit" name="one" value="pending:${id}" data-uphold>Uphold</button>
  <details class="reply"><summary>Reply</summary><textarea name="reply-${id}"></textarea>
    <button type="submit" name="one" value="answer:${id}" class="answer">Reply and approve</button></details>
  <details class="tell"><summary>Reason</summary><input name="told-${id}"><input name="note-${id}"></details>
  <a href="/dashboard/blog/comment/${id}#edit" data-key="e">Edit</a></article></li>`;

export const drawCard = card;

export function drawDesk({ ids = [1, 2, 3], more = "0", status = "pending" } = {}) {
  document.title = "Pending";
  document.body.innerHTML = `
    <nav class="tabs"><a href="#pending" aria-current="page"><span data-status="pending">${ids.length}</span></a>
      <a href="#spam"><span data-status="spam">0</span></a><a href="#appeals"><span data-status="appeals">0</span></a></nav>
    <form class="search"><input type="search"></form>
    <button data-help hidden>Shortcuts</button>
    <p class="arrived" hidden data-counts="/dashboard/blog/counts"><a href="#new"></a></p>
    <form id="decide" action="/dashboard/blog/decide" data-matching="/dashboard/blog/matching"
        data-decide-all="/dashboard/blog/decide-all" data-undo="/dashboard/blog/undo" data-card="/dashboard/blog/card/0"
        data-status="${status}" data-query="word" data-more="${more}">
      <input type="hidden" name="csrf_token" value="csrf">
      <div class="over"><p class="all" hidden><input type="checkbox" data-all>
        <button type="button" data-every hidden>Select all results</button></p></div>
      <ol class="cards">${ids.map((id) => card(id)).join("")}</ol>
      <p class="empty cleared" hidden>Done. <a href="#next">Next</a></p>
      <div class="bar"><span data-count></span>
        <button type="submit" name="action" value="approve" class="act-approve">Approve</button>
        <button type="submit" name="action" value="spam" class="act-spam">Spam</button>
        <input name="told"><input name="note"><progress data-progress hidden></progress></div>
    </form>
    <dialog id="keys"><input type="checkbox" data-keys-on checked></dialog>`;
  return document.getElementById("decide");
}

/** Answers requests by path with what `on` was told last, and records them. */
export function installService() {
  const replies = new Map();
  const requests = [];
  const on = (path, reply) => replies.set(path, reply);
  on("/dashboard/blog/counts", { body: { counts: { pending: 0, spam: 0 }, appeals: 0, new: 0 } });
  vi.stubGlobal("fetch", async (address, { method = "GET", body, headers = {} } = {}) => {
    const path = new URL(address, location.href).pathname;
    const fields = body ? [...body.entries()] : [];
    requests.push({ method, path, headers, fields, data: Object.fromEntries(fields) });
    let reply = replies.get(path);
    if (typeof reply === "function") reply = await reply(requests.at(-1));
    if (!reply) throw new TypeError("network");
    const isText = typeof reply.body === "string";
    const type = isText ? "text/html" : "application/json";
    return new Response(isText ? reply.body : JSON.stringify(reply.body), {
      status: reply.status ?? 200,
      headers: { "Content-Type": type, ...(reply.etag ? { ETag: reply.etag } : {}) },
    });
  });
  return { on, requests, sent: (path) => requests.filter((request) => request.path === path) };
}

export const shownIds = () => [...document.querySelectorAll(".cards .card")].map((one) => Number(one.dataset.id));
export const toastText = () => document.querySelector(".toast p")?.textContent ?? "";
export const byId = (id) => document.getElementById(`comment-${id}`);
