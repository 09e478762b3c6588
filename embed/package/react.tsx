"use client";
// <Comments> for React: renders on the server, loads the widget, and shows another thread when `thread` changes.

import { type DetailedHTMLProps, type HTMLAttributes, type JSX, useEffect } from "react";
import type { CommentElements, CommentThreadElement } from "./elements.js";
import { load, type ThreadOptions } from "./index.js";
import { renderLink } from "./thread.js";

type ReactAttributes = Omit<
  DetailedHTMLProps<HTMLAttributes<CommentThreadElement>, CommentThreadElement>,
  "title" | "lang"
>;

declare module "react" {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- React's types are extended in this way alone
  namespace JSX {
    // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- merges into React's interface
    interface IntrinsicElements extends CommentElements<ReactAttributes> {}
  }
}

export interface CommentsProps extends ThreadOptions {
  /** The comments as HTML for readers and search engines without scripts, from `fetchCopy` on the server. */
  copy?: string | undefined;
  /** Load the comments at once, and not when the reader comes near. */
  eager?: boolean | undefined;
  className?: string | undefined;
}

/**
 * A page's comments. Give `thread` from the router, so that it changes with the route.
 *
 * The browser need not know the copy that the server has rendered: what is in the element stays as it is.
 */
export function Comments({ service, copy = "", ...attributes }: CommentsProps): JSX.Element {
  useEffect(() => {
    load(service).catch((error: unknown) => console.warn(error));
  }, [service]);
  // A new element for each thread, so that no page ever shows the comments of another.
  return (
    <comment-thread
      key={`${attributes.site} ${attributes.thread}`}
      suppressHydrationWarning
      dangerouslySetInnerHTML={{ __html: copy + renderLink({ service, ...attributes }) }}
      {...attributes}
    />
  );
}
