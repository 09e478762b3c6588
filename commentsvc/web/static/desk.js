// The desk: acts that answer at once, keys, live counts. Without scripts the queue is plain forms and works as such.
import { Queue } from "./desk-queue.js";
import { startKeys } from "./desk-keys.js";
import { watchCounts } from "./desk-counts.js";

const form = document.getElementById("decide");
const queue = form && new Queue(form);
if (queue) startKeys(queue);
watchCounts();
