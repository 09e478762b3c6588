// A request that the service refused or did not answer, and the one way to handle it.

import type { Challenge } from "./challenge";
import type { Sanction } from "./service";
import { FAILED, type Translator } from "./translator";

export interface FieldProblem {
  field: string;
  message: string;
}

/** The service's problem document (RFC 9457), with what it adds to some refusals. */
export interface Problem {
  type?: string;
  detail?: string;
  errors?: FieldProblem[];
  /** "challenge": the proof of work to do first. */
  challenge?: Challenge;
  /** "nudge": why the comment would be held. */
  reasons?: { sentence: string; match?: string }[];
  /** "warned": the warning to acknowledge first. */
  sanction?: Sanction;
}

/** A refusal; `message` is the service's own sentence, `status` is 0 when no answer came. */
export class Refused extends Error {
  readonly status: number;
  readonly problem: Problem;

  constructor(status: number, problem: Problem = {}) {
    super(problem.detail);
    this.status = status;
    this.problem = problem;
  }
}

/** Run `task`. A Refused goes to `onRefused`, whose result counts instead; any other error is thrown on. */
export async function attempt<T>(task: () => Promise<T>, onRefused: (error: Refused) => T | Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (error instanceof Refused) return onRefused(error);
    throw error;
  }
}

/** What to tell the reader: the service's own sentence, or a general one. */
export const refusalText = (error: Refused, translator: Translator): string =>
  error.message || translator.translate(FAILED);

/** Whether the same request may succeed later: no answer came, or the service failed. */
export const isTemporary = (error: Refused): boolean => error.status === 0 || error.status >= 500;

/** The last part of the problem's `type`, which names the kind of refusal. */
export const problemSlug = ({ problem }: Refused): string | undefined => problem.type?.split("#problem-")[1];
