// Sends a comment: idle → sending → idle when it is posted, else refused, forbidden, or waiting for another attempt.

import { solve } from "./challenge";
import { attempt, isTemporary, problemSlug, type Refused } from "./refused";

export type SubmissionState =
  | { name: "idle" }
  /** `isSolving`: the service has asked for a proof of work. */
  | { name: "sending"; isSolving: boolean }
  /** The service did not answer; the next attempt is in `left_s` seconds, or when the browser is online again. */
  | { name: "waiting"; left_s: number; isOnline: boolean }
  /** The service refused the comment; the author must change something. */
  | { name: "refused"; error: Refused }
  /** Pages of this origin may not write here. */
  | { name: "forbidden" };

/** Fields that answer what the service asked in a refusal: a solved challenge, the author's confirmation. */
export type Answers = Record<string, unknown>;

export interface SubmissionOptions {
  onChange: (state: SubmissionState, before: SubmissionState) => void;
  /** Send again what is in the form now. */
  resend: () => Promise<void>;
  mayWrite: () => Promise<boolean>;
  /** Aborted when the form is gone. */
  gone: AbortSignal;
}

const CHALLENGES_MAX = 2; // solved for one comment
const RETRY_S = [5, 10, 20, 40, 60];

export class Submission {
  readonly #options: SubmissionOptions;
  #state: SubmissionState = { name: "idle" };
  #answers: Answers = {};
  #challenges = 0;
  #attempts = 0;
  #timer = 0;

  constructor(options: SubmissionOptions) {
    this.#options = options;
    const { gone } = options;
    window.addEventListener("online", () => this.#state.name === "waiting" && void options.resend(), { signal: gone });
    gone.addEventListener("abort", () => window.clearTimeout(this.#timer));
  }

  get isSending(): boolean {
    return this.#state.name === "sending";
  }

  /** Run one request, unless one is running. `request` gets the answers given so far, and may throw Refused. */
  async send(request: (answers: Answers) => Promise<void>): Promise<void> {
    if (this.isSending) return;
    window.clearTimeout(this.#timer);
    this.#enter({ name: "sending", isSolving: false });
    try {
      await attempt(
        async () => {
          await request(this.#answers);
          this.#answers = {};
          this.#attempts = this.#challenges = 0;
          this.#enter({ name: "idle" });
        },
        (error) => (isTemporary(error) ? this.#unanswered() : this.#refused(error)),
      );
    } finally {
      // Only an error that is no refusal leaves it here.
      if (this.#state.name === "sending") this.#enter({ name: "idle" });
    }
  }

  /** Add an answer to the next request. */
  answer(name: string, value: unknown): void {
    this.#answers[name] = value;
  }

  /** The text was changed: answers given for the old text and the planned attempt are void. */
  textChanged(): void {
    this.#answers = {};
    this.cancelRetry();
  }

  cancelRetry(): void {
    window.clearTimeout(this.#timer);
    this.#attempts = 0;
    if (this.#state.name === "waiting") this.#enter({ name: "idle" });
  }

  #enter(state: SubmissionState): void {
    const before = this.#state;
    this.#state = state;
    this.#options.onChange(state, before);
  }

  async #refused(error: Refused): Promise<void> {
    this.#attempts = 0;
    if (await this.#solveChallenge(error)) {
      this.#enter({ name: "idle" });
      await this.#options.resend();
    } else this.#enter({ name: "refused", error });
  }

  async #solveChallenge(error: Refused): Promise<boolean> {
    const { challenge } = error.problem;
    if (problemSlug(error) !== "challenge" || !challenge || this.#challenges++ >= CHALLENGES_MAX) return false;
    this.#enter({ name: "sending", isSolving: true });
    const solution = await solve(challenge);
    if (solution) this.answer("challenge", solution);
    return solution !== null;
  }

  async #unanswered(): Promise<void> {
    if (await this.#options.mayWrite()) this.#wait();
    else this.#enter({ name: "forbidden" });
  }

  #wait(): void {
    let left_s = RETRY_S[Math.min(this.#attempts++, RETRY_S.length - 1)] ?? 0;
    const tick = (): void => {
      if (left_s <= 0) {
        void this.#options.resend();
        return;
      }
      const isOnline = navigator.onLine;
      this.#enter({ name: "waiting", left_s, isOnline });
      if (isOnline) left_s--;
      this.#timer = window.setTimeout(tick, 1000);
    };
    tick();
  }
}
