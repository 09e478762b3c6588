// The data attributes that the service writes on a thread (comment.html), read and checked in one place.

import type { Texts } from "./translator";

/** The site's conditions for writing in this thread. */
export interface Terms {
  /** Characters that a comment may have. */
  max: number;
  /** Whether people may comment without signing in. */
  guests: boolean;
  /** The ways to sign in: the provider's key and its label. */
  ways: [key: string, label: string][];
  /** How long authors can change a comment, in seconds. */
  edit: number;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
const isString = (value: unknown): value is string => typeof value === "string";
const parse = (json: string | undefined): unknown => JSON.parse(json || "{}");

/** The number of comments; NaN while nothing is loaded. */
export const readCount = (section: HTMLElement): number => Number(section.dataset["count"]);

/** The thread's version, which grows with every change. */
export const readVersion = (section: HTMLElement): number => Number(section.dataset["version"]);

/** The sentences of the first bundle. */
export const readTexts = (section: HTMLElement): Texts => parse(section.dataset["texts"]) as Texts;

/** The terms. A value that is missing or of another type is replaced by the one that allows least. */
export function readTerms(section: HTMLElement): Terms {
  const parsed = parse(section.dataset["terms"]);
  const { max, guests, ways, edit } = isRecord(parsed) ? parsed : {};
  return {
    max: typeof max === "number" ? max : 0,
    guests: guests === true,
    ways: Array.isArray(ways) ? ways.filter(isWay) : [],
    edit: typeof edit === "number" ? edit : 0,
  };
}

const isWay = (way: unknown): way is [string, string] => Array.isArray(way) && way.length === 2 && way.every(isString);
