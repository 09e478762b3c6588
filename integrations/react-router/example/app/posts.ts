export interface Post {
  title: string;
  lang: string;
  dir?: "rtl";
  text: string;
  next?: string;
}

export const posts: Record<string, Post> = {
  first: {
    title: "The first post",
    lang: "en",
    text: "A few words about the place where these notes are written.",
    next: "日本語",
  },
  日本語: { title: "日本語の記事", lang: "ja", text: "このページのアドレスには日本語が含まれています。" },
  shalom: { title: "שלום עולם", lang: "he", dir: "rtl", text: "עמוד זה נכתב מימין לשמאל." },
};
