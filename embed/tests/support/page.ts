// A page with a thread, as the service draws it (comment.html, shortened to what the scripts use).
import { CommentThread } from "../../src/thread";
import { BASE, type FakeService } from "./service";

export interface DrawnComment {
  id: number;
  parent?: number;
  author?: string;
  by?: number;
  status?: string;
  score?: number;
  createdAt?: string;
  replies?: DrawnComment[];
  /** The cursor of a link to further replies. */
  moreReplies?: string;
}

export interface DrawnThread {
  comments?: DrawnComment[];
  count?: number;
  version?: number;
  guests?: boolean;
  edit?: number;
  max?: number;
  ways?: [string, string][];
  /** The thread's key, where the service answers with another one than it was asked for. */
  key?: string;
  /** The cursor of the next page. */
  more?: string;
  isClosed?: boolean;
}

export function drawComment(comment: DrawnComment): string {
  const { id, parent, author = "Carol", by = 1, status, score = 0, createdAt = "2026-11-01T12:00:00Z" } = comment;
  const parentData = parent ? ` data-parent="${parent}"` : "";
  const statusData = status ? ` data-status="${status}"` : "";
  const replies = comment.replies ?? [];
  return `<li class="comment" id="comment-${id}" data-id="${id}" data-by="${by}"${parentData}${statusData}><article>
    <b class="author"><bdi>${author}</bdi></b>
    <a class="permalink" href="#comment-${id}"><time datetime="${createdAt}">then</time></a>
    <button class="fold" type="button" aria-expanded="true"></button>
    <div class="body"><p>Comment ${id}</p></div>
    <footer class="actions">
      <button type="button" data-act="vote" data-value="1" aria-pressed="false">▲</button><span class="score">${score}</span>
      <button type="button" data-act="vote" data-value="-1" aria-pressed="false">▼</button>
      <a class="reply" data-reply="${id}" href="#respond">Reply</a>
      <button class="menu" type="button" data-act="menu" aria-expanded="false" aria-label="More">⋯</button>
    </footer></article>
    ${replies.length ? `<ol class="replies">${replies.map(drawComment).join("")}</ol>` : ""}
    ${comment.moreReplies ? `<a class="more more-replies" data-cursor="${comment.moreReplies}" href="#">More replies</a>` : ""}
  </li>`;
}

const field = (name: string, required: boolean): string =>
  `<p class="field"><label for="respond-${name}">${name}</label><input id="respond-${name}" name="${name}"${
    required ? " required" : ""
  }><span class="problem" id="respond-${name}-problem" hidden></span></p>`;

function drawForm({ guests = true, ways = [["github", "GitHub"]] }: DrawnThread): string {
  const buttons = ways.map(
    ([key, label]) => `<li><button type="button" data-act="sign-in" data-way="${key}">${label}</button></li>`,
  );
  return `<div class="home"><form class="respond" novalidate><h3 id="respond-heading">Leave a Reply</h3>
    <button class="cancel" type="button" data-act="cancel" hidden>Cancel reply</button>
    <p class="field"><textarea id="respond-body" name="body" required></textarea>
      <span class="problem" id="respond-body-problem" hidden></span></p>
    <div class="identity"><ul class="ways">${buttons.join("")}</ul></div>
    ${
      guests
        ? `<div class="guest">${field("name", true)}${field("email", true)}${field("website", false)}
           <input type="checkbox" id="respond-save"></div>`
        : ""
    }
    <p class="notify"><select id="respond-notify"><option value="">Never</option><option value="replies">Replies</option></select></p>
    <p class="trap"><input name="trap"></p>
    <p class="trouble" role="alert" hidden></p>
    <p class="send-row"><button class="send" type="submit">Post Comment</button></p></form></div>`;
}

export function drawThread(thread: DrawnThread = {}): string {
  const { comments = [], version = 1, more, guests = true, edit = 900, max = 1000 } = thread;
  const count = thread.count ?? comments.length;
  const terms = JSON.stringify({ max, guests, ways: thread.ways ?? [["github", "GitHub"]], edit });
  return `<section class="thread" lang="en" data-count="${count}" data-version="${version}" data-trailing-slash="drop" data-page-params="p,page_id,attachment_id"
      ${thread.key ? `data-key="${thread.key}"` : ""}
      data-terms='${terms}' data-texts='{}'>
    <h2 class="heading">${count} thoughts on <cite class="title"><bdi>A page</bdi></cite></h2>
    <select id="sort"><option value="oldest">Oldest</option><option value="newest">Newest</option></select>
    <ol class="comments">${comments.map(drawComment).join("")}</ol>
    ${more ? `<a class="more" data-cursor="${more}" href="#">More comments</a>` : ""}
    ${thread.isClosed ? "" : drawForm(thread)}
  </section>`;
}

/** Draw `thread` at GET /embed/v1/comments, and answer what the actions ask at their start. */
export function serveThread(service: FakeService, thread: DrawnThread): void {
  service
    .on("GET /embed/v1/comments", { body: drawThread(thread), etag: '"1"' })
    .on("GET /embed/v1/texts", { body: { lang: "en", dir: "ltr", texts: {} } });
}

CommentThread.config = {
  base: BASE,
  styles: [],
  loadActions: () => import("../../src/actions"),
  loadForm: () => import("../../src/form"),
  loadKey: () => import("../../src/page-key"),
  loadPoller: () => import("../../src/poller"),
};
customElements.define("comment-thread", CommentThread);

/** Add a thread to the page and wait until it is drawn. */
export async function showThread(attributes: Record<string, string> = {}): Promise<CommentThread> {
  const thread = new CommentThread();
  for (const [name, value] of Object.entries({ site: "blog", thread: "/a", eager: "", ...attributes })) {
    thread.setAttribute(name, value);
  }
  const isLoaded = new Promise((resolve) => thread.addEventListener("comment-thread-loaded", resolve, { once: true }));
  document.body.append(thread);
  await isLoaded;
  return thread;
}

/** An element of the thread; fails the test where it is missing. */
export function find<E extends HTMLElement = HTMLElement>(thread: CommentThread, selector: string): E {
  const found = thread.root.querySelector<E>(selector);
  if (!found) throw new Error(`nothing matches ${selector}`);
  return found;
}

export const announced = (thread: CommentThread): string => find(thread, ".status").textContent;
