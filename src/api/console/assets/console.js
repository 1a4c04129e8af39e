// What moves on the console's pages. All of them work without it.

/** Seconds from one look to the next after failures, at most. */
const LONGEST = 60;

/** Looks again and again at a part of the page, as long as somebody sees it. */
class LivePart {
  constructor(place) {
    this.place = place;
    this.path = place.dataset.live;
    this.seconds = Number(place.dataset.liveSeconds) || 5;
    this.failures = 0;
    this.stopped = false;
    this.next();
  }

  next() {
    const wait = Math.min(this.seconds * 2 ** this.failures, LONGEST);
    this.timer = setTimeout(() => this.look(), wait * 1000);
  }

  async look() {
    if (this.stopped) return;
    if (!document.hidden) {
      try {
        const answer = await fetch(this.path, { redirect: "manual", cache: "no-store" });
        if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) {
          location.reload();
          return;
        }
        if (!answer.ok) throw new Error(String(answer.status));
        if (!this.isUsed()) this.show(await answer.text());
        this.failures = 0;
      } catch {
        this.failures = Math.min(this.failures + 1, 4);
      }
    }
    this.next();
  }

  /** Somebody selects text in it, or has put the keyboard's focus there: nothing is taken from under their hands. */
  isUsed() {
    const selection = document.getSelection();
    const selects = selection && !selection.isCollapsed && this.place.contains(selection.anchorNode);
    return selects || this.place.contains(document.activeElement);
  }

  show(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const open = [...this.place.querySelectorAll("details[id][open]")].map((it) => it.id);
    for (const id of open) fresh.getElementById(id)?.setAttribute("open", "");
    this.place.replaceChildren(...fresh.body.childNodes);
  }

  stop(stopped) {
    this.stopped = stopped;
    clearTimeout(this.timer);
    if (!stopped) this.look();
  }
}

const parts = [...document.querySelectorAll("[data-live]")].map((place) => new LivePart(place));

for (const button of document.querySelectorAll("[data-live-stop]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const stopped = !parts[0]?.stopped;
    for (const part of parts) part.stop(stopped);
    button.textContent = stopped ? "Update again" : "Stop updating";
  });
}

for (const button of document.querySelectorAll("[data-copy]")) {
  const text = document.getElementById(button.dataset.copy);
  if (!text || !navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text.textContent);
    button.textContent = "Copied";
  });
}
