// The page's part: how the components get a token, and what happens when somebody clicks.

/** Asks our own server, which knows who is signed in. The components ask again when a token ends. */
async function getToken() {
  const answer = await fetch("/token", { method: "POST" });
  if (!answer.ok) throw new Error(`no token: ${answer.status}`);
  return (await answer.json()).token;
}

for (const element of document.querySelectorAll("herald-inbox, herald-preferences")) element.getToken = getToken;

// A single-page application goes on by itself here, and calls `event.preventDefault()`.
addEventListener("herald-item-open", (event) => console.info("opened", event.detail.item.id));
addEventListener("herald-action", (event) => console.info("pressed", event.detail.action.id));
addEventListener("herald-error", (event) => console.info("Herald:", event.detail.code, event.detail.message));
addEventListener("herald-counts", (event) => {
  const { unread } = event.detail;
  document.title = unread ? `(${unread}) A product` : "A product";
});

const form = document.getElementById("send");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await fetch("/send", { method: "POST", body: new URLSearchParams(new FormData(form)) });
  form.querySelector("output").value = answer.ok ? "Sent." : await answer.text();
});
