// The service at the other end of the network: answers fetch and XMLHttpRequest as a test says, and records requests.
import { vi } from "vitest";

export const BASE = "https://comments.test";

export interface Sent {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: Record<string, string>;
  body: unknown;
}

export interface Reply {
  status?: number;
  body?: unknown; // a string is sent as it is, anything else as JSON
  etag?: string;
}

type Handler = (sent: Sent) => Reply | Promise<Reply>;

export class FakeService {
  readonly requests: Sent[] = [];
  readonly #handlers = new Map<string, Handler>();

  /** `route` is "GET /path". Give a reply, a function that makes one, or null for a broken network. */
  on(route: string, reply: Reply | Handler | null): this {
    this.#handlers.set(
      route,
      typeof reply === "function"
        ? reply
        : () => {
            if (reply === null) throw new TypeError("network");
            return reply;
          },
    );
    return this;
  }

  /** The requests to one route. */
  sent(route: string): Sent[] {
    return this.requests.filter((sent) => `${sent.method} ${sent.path}` === route);
  }

  install(): this {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- FakeRequest has a `this` of its own
    const service = this;
    vi.stubGlobal("fetch", async (url: string, init: RequestInit = {}) => {
      const headers: Record<string, string> = {};
      new Headers(init.headers).forEach((value, name) => (headers[name.toLowerCase()] = value));
      const { status, text, etag } = await service.answer(init.method ?? "GET", url, headers, init.body);
      return new Response(status === 204 ? null : text, { status, headers: etag ? { ETag: etag } : {} });
    });
    vi.stubGlobal(
      "XMLHttpRequest",
      class {
        status = 0;
        responseXML: Document | null = null;
        onload?: () => void;
        onerror?: () => void;
        #etag: string | null = null;
        #isAborted = false;
        #method = "";
        #url = "";
        readonly #headers: Record<string, string> = {};

        open(method: string, url: string): void {
          this.#method = method;
          this.#url = url;
        }

        setRequestHeader(name: string, value: string): void {
          this.#headers[name.toLowerCase()] = value;
        }

        getResponseHeader(): string | null {
          return this.#etag;
        }

        abort(): void {
          this.#isAborted = true;
        }

        send(body: string | null): void {
          service.answer(this.#method, this.#url, this.#headers, body).then(
            ({ status, text, etag }) => {
              if (this.#isAborted) return;
              this.status = status;
              this.#etag = etag ?? null;
              this.responseXML = new DOMParser().parseFromString(text, "text/html");
              this.onload?.();
            },
            () => this.onerror?.(),
          );
        }
      },
    );
    return this;
  }

  async answer(
    method: string,
    address: string,
    headers: Record<string, string>,
    body: unknown,
  ): Promise<{ status: number; text: string; etag: string | undefined }> {
    const url = new URL(address, BASE);
    const isJson = headers["content-type"] === "application/json";
    const sent: Sent = {
      method,
      path: url.pathname,
      query: url.searchParams,
      headers,
      body: isJson && typeof body === "string" ? (JSON.parse(body) as unknown) : body,
    };
    this.requests.push(sent);
    const handler = this.#handlers.get(`${method} ${url.pathname}`);
    if (!handler) throw new Error(`unexpected request: ${method} ${url.pathname}`);
    const { status = 200, body: answer = "", etag } = await handler(sent);
    return { status, text: typeof answer === "string" ? answer : JSON.stringify(answer), etag };
  }
}

/** A refusal as a problem document (RFC 9457). */
export const problem = (status: number, slug: string, more: object = {}): Reply => ({
  status,
  body: { type: `${BASE}/docs/api#problem-${slug}`, detail: `refused: ${slug}`, ...more },
});
