// navigator.locks, which happy-dom does not have: one task at a time for each name, in order.

export function installLocks(): void {
  const last = new Map<string, Promise<unknown>>();
  Object.defineProperty(navigator, "locks", {
    configurable: true,
    value: {
      request<T>(name: string, task: () => Promise<T>): Promise<T> {
        const done = (last.get(name) ?? Promise.resolve()).then(task, task);
        last.set(name, done);
        return done;
      },
    },
  });
}
