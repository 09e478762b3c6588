// One line for whoever set the page up, saying what is wrong and how to mend it; each only once.

const told = new Set<string>();

export function tell(sentence: string): void {
  if (told.has(sentence)) return;
  told.add(sentence);
  console.error(`commentsvc: ${sentence}`);
}
