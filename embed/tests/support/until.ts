// Waits for a condition by the real clock, also while a test has fake timers.

const TIMEOUT_MS = 15_000; // only a test that fails waits as long; machines that run several suites are slow
const STEP_MS = 5;
const realSetTimeout = setTimeout;
const now = performance.now.bind(performance);

/** Call `check` until it throws no more, and give what it returns. */
export async function until<T>(check: () => T): Promise<T> {
  const end = now() + TIMEOUT_MS;
  for (;;) {
    try {
      return check();
    } catch (error) {
      if (now() > end) throw error;
      await new Promise((resolve) => realSetTimeout(resolve, STEP_MS));
    }
  }
}
