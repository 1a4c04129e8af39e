// Which addresses of others are links: http, https, and paths of the page's own site. Nothing else is.

/**
 * An address that may be followed, whole; `null` for any other.
 * @param {unknown} address
 * @returns {URL | null}
 */
export function link(address) {
  if (typeof address !== "string" || address === "") return null;
  const isPath = address.startsWith("/");
  if (!isPath && !/^https?:\/\//i.test(address)) return null;
  try {
    const url = new URL(address, document.baseURI);
    const isWeb = url.protocol === "http:" || url.protocol === "https:";
    // "//other.example" and "/\other.example" look like paths and lead to others.
    const isHere = url.origin === new URL(document.baseURI).origin;
    return isWeb && (!isPath || isHere) ? url : null;
  } catch {
    return null;
  }
}

/**
 * Makes an anchor lead somewhere; another site learns nothing of the page, and opens beside it.
 * @param {HTMLAnchorElement} anchor
 * @param {URL} url
 */
export function lead(anchor, url) {
  anchor.href = url.href;
  anchor.rel = "noopener noreferrer";
  if (url.origin === new URL(document.baseURI).origin) anchor.removeAttribute("target");
  else anchor.target = "_blank";
}

/**
 * Follows an address, as a click on a link to it would.
 * @param {unknown} address
 */
export function follow(address) {
  const url = link(address);
  if (!url) return;
  if (url.origin === location.origin) location.assign(url.href);
  else open(url.href, "_blank", "noopener,noreferrer");
}
