// Frames of server-sent events, out of bytes that arrive in pieces.

/**
 * @typedef {object} Frame
 * @property {string} event
 * @property {string} data
 * @property {string | null} id `null` where the frame has none
 */

/** Reads frames by the rules of HTML's "interpreting an event stream". */
export class FrameReader {
  #decoder = new TextDecoder();
  #rest = "";
  #event = "";
  /** @type {string[]} */
  #data = [];
  /** @type {string | null} */
  #id = null;
  /** Milliseconds that the server wants a client to wait before it comes again. @type {number | null} */
  retry = null;

  /**
   * The frames that end in this piece.
   * @param {Uint8Array} bytes
   * @returns {Frame[]}
   */
  read(bytes) {
    this.#rest += this.#decoder.decode(bytes, { stream: true });
    /** @type {Frame[]} */
    const frames = [];
    for (;;) {
      const end = /\r\n|\n|\r(?!$)/.exec(this.#rest);
      if (!end) return frames;
      const line = this.#rest.slice(0, end.index);
      this.#rest = this.#rest.slice(end.index + end[0].length);
      if (line === "") this.#end(frames);
      else this.#line(line);
    }
  }

  /** @param {Frame[]} frames */
  #end(frames) {
    if (this.#data.length > 0) {
      frames.push({ event: this.#event || "message", data: this.#data.join("\n"), id: this.#id });
    }
    this.#event = "";
    this.#data = [];
    this.#id = null;
  }

  /** @param {string} line */
  #line(line) {
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#event = value;
    else if (field === "data") this.#data.push(value);
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.retry = Number(value);
  }
}
