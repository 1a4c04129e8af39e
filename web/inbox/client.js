// The HTTP API, as far as a person's token opens it.

/** Milliseconds after which a call is given up. */
const PATIENCE = 30_000;

/** What an answer of `application/problem+json` says, or why there was no answer. */
export class InboxError extends Error {
  /**
   * @param {string} code the problem's stable code; `unreachable` without an answer, `token` without a token
   * @param {string} message
   * @param {number} status 0 without an answer
   * @param {number} [wait] milliseconds to wait before another call, where the answer says so
   */
  constructor(code, message, status, wait) {
    super(message);
    this.name = "InboxError";
    this.code = code;
    this.status = status;
    this.wait = wait;
  }
}

/**
 * @typedef {object} Call
 * @property {Record<string, string | number | string[] | null | undefined>} [query]
 * @property {unknown} [body]
 * @property {AbortSignal} [signal] ends it
 * @property {Record<string, string>} [headers]
 * @property {boolean} [outlives] whether it goes on when the page is left
 * @property {boolean} [isStream] whether the answer goes on and on
 */

/** Calls the API in a person's name. */
export class InboxClient {
  #base;
  #tokens;

  /**
   * @param {string} base where Herald is
   * @param {import("./tokens.js").TokenSource} tokens
   */
  constructor(base, tokens) {
    this.#base = base.endsWith("/") ? base : `${base}/`;
    this.#tokens = tokens;
  }

  /**
   * A page of a list. Without a filter Herald lists what is not archived; its `all` has the archive as well.
   * @param {{ filter: string, tags: string[], after?: string | null, limit?: number }} wanted
   * @param {AbortSignal} [signal]
   * @returns {Promise<{ data: import("../inbox").InboxItem[], next: string | null }>}
   */
  page({ filter, tags, after, limit }, signal) {
    const query = { filter: filter === "all" ? null : filter, tag: tags, after, limit };
    return this.json("GET", "v1/inbox", { query, signal });
  }

  /**
   * How many are new.
   * @returns {Promise<import("../inbox").InboxCounts>}
   */
  counts() {
    return this.json("GET", "v1/inbox/counts");
  }

  /**
   * Calls, and reads the JSON of the answer; `null` where there is none.
   * @param {string} method
   * @param {string} path
   * @param {Call} [call]
   * @returns {Promise<any>}
   */
  async json(method, path, call) {
    const answer = await this.answer(method, path, call);
    if (answer.status === 204) return null;
    const text = await answer.text();
    return text === "" ? null : JSON.parse(text);
  }

  /**
   * Calls. A token that is refused is replaced once.
   * @param {string} method
   * @param {string} path
   * @param {Call} [call]
   * @returns {Promise<Response>}
   */
  async answer(method, path, call = {}) {
    for (let tries = 1; ; tries += 1) {
      const token = await this.#token();
      const answer = await this.#send(method, path, call, token);
      if (answer.ok) return answer;
      const problem = await said(answer);
      if (answer.status !== 401) throw problem;
      this.#tokens.refused(token);
      if (tries > 1) throw problem;
    }
  }

  async #token() {
    try {
      return await this.#tokens.current();
    } catch (error) {
      throw new InboxError("token", `the page gave no token: ${String(error)}`, 0);
    }
  }

  /** @param {string} method @param {string} path @param {Call} call @param {string} token */
  async #send(method, path, call, token) {
    const url = new URL(path, new URL(this.#base, document.baseURI));
    for (const [key, value] of Object.entries(call.query ?? {})) {
      for (const one of [value ?? []].flat()) url.searchParams.append(key, String(one));
    }
    /** @type {Record<string, string>} */
    const headers = { authorization: `Bearer ${token}`, ...call.headers };
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    if (body !== undefined) headers["content-type"] = "application/json";
    const ends = [call.signal, call.isStream ? null : AbortSignal.timeout(PATIENCE)];
    try {
      return await fetch(url, {
        method,
        headers,
        body,
        credentials: "omit",
        cache: "no-store",
        referrerPolicy: "no-referrer",
        keepalive: call.outlives ?? false,
        signal: AbortSignal.any(ends.filter((signal) => signal != null)),
      });
    } catch (error) {
      if (call.signal?.aborted) throw error;
      throw new InboxError("unreachable", `Herald did not answer: ${String(error)}`, 0);
    }
  }
}

/**
 * What a bad answer says.
 * @param {Response} answer
 * @returns {Promise<InboxError>}
 */
async function said(answer) {
  let problem;
  try {
    problem = await answer.json();
  } catch {
    problem = null;
  }
  const code = typeof problem?.code === "string" ? problem.code : `http_${answer.status}`;
  const detail = problem?.detail ?? problem?.title ?? `Herald answered ${answer.status}`;
  const seconds = Number(answer.headers.get("retry-after"));
  return new InboxError(code, String(detail), answer.status, seconds > 0 ? seconds * 1_000 : undefined);
}
