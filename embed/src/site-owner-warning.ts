// Tells the page's owner in the console what is configured wrongly, each problem once.

const warned = new Set<string>();

export function warnSiteOwner(sentence: string): void {
  if (warned.has(sentence)) return;
  warned.add(sentence);
  console.error(`commentsvc: ${sentence}`);
}
