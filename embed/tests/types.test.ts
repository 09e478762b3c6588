// Checked by tsc: the published types say what the element really has.
import { expectTypeOf, it } from "vitest";
import type { CommentThreadElement } from "../package/elements";
import type { CommentThread } from "../src/thread";

it("promises nothing that the element does not have", () => {
  expectTypeOf<CommentThread>().toExtend<Pick<CommentThreadElement, "count" | "reload" | "reply">>();
  const page = (thread: CommentThreadElement): void => {
    thread.addEventListener("comment-posted", (event) => expectTypeOf(event.detail.id).toBeNumber());
  };
  expectTypeOf(page).toBeFunction();
});
