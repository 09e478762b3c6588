// The entry of the queue's scripts: decisions without a page load, keyboard shortcuts, live counts. Without scripts the
// queue works as a plain form.
import { Queue } from "./desk-queue.js";
import { startKeys } from "./desk-keys.js";
import { watchCounts } from "./desk-counts.js";

const form = document.getElementById("decide");
const queue = form && new Queue(form);
if (queue) startKeys(queue);
watchCounts();
