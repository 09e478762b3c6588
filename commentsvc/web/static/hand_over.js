// Gives the widget its answer: by a message to exactly its origin, or, where the provider's page has cut the tie to
// the window that opened this one, on a page of the blog itself, which finds the waiting tab.
const { answer, origin, target } = document.getElementById("answer").dataset;
if (window.opener) {
  window.opener.postMessage({ commentsvc: JSON.parse(answer) }, origin);
  window.close();
} else {
  location.replace(target);
}
