// Passes the answer of a sign-in to the widget: by a message to exactly its origin or, if the provider's page has cut this
// window off from its opener, through a page of the blog itself, which finds the tab that waits.
const { answer, origin, target } = document.getElementById("answer").dataset;
if (window.opener) {
  window.opener.postMessage({ commentsvc: JSON.parse(answer) }, origin);
  window.close();
} else {
  location.replace(target);
}
