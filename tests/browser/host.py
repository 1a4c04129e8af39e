"""A product's site that embeds the components: strict content policy, Trusted Types, another origin than Herald's."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>A product</title>
<script type="module" src="{herald}/inbox.js"></script><script src="/page.js"></script></head>
<body><main><h1>A product</h1><div id="place"></div><button id="elsewhere">Elsewhere</button></main></body>
</html>
"""

# Every attribute of the page's query is one of the element; `element` is its name.
SCRIPT = """
window.told = [];
// axe-core takes a page without a ground for white.
const ground = new CSSStyleSheet();
ground.replaceSync("body { background: Canvas; color: CanvasText; }");
document.adoptedStyleSheets = [ground];
for (const name of ["herald-item-open", "herald-action", "herald-counts", "herald-error"]) {
  addEventListener(name, (event) => told.push([name, JSON.parse(JSON.stringify(event.detail))]));
}
addEventListener("DOMContentLoaded", () => {
  const query = new URLSearchParams(location.search);
  const name = query.get("element") ?? "herald-inbox";
  query.delete("element");
  const made = document.createElement(name);
  for (const [key, value] of query) made.setAttribute(key, value);
  const user = query.get("user-id");
  if (user) made.getToken = async () => (await fetch("/token?user=" + user)).text();
  document.getElementById("place").append(made);
});
"""


class Host:
    """The site. `tokens` makes a person's token: `tokens(user)`; a test may put another in its place."""

    def __init__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.herald = ""
        self.tokens = None
        self.asked = []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()

    def page(self, user, **attributes):
        """The address of a page with an element of these attributes, of this person."""
        return f"{self.url}/?" + urlencode({"user-id": user} | attributes)

    def policy(self):
        return (
            f"default-src 'none'; script-src 'self' {self.herald}; connect-src 'self' {self.herald}; "
            "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
        )

    def answer(self, path):
        """Kind and text of what is there."""
        split = urlsplit(path)
        query = parse_qs(split.query)
        if split.path == "/page.js":
            return "text/javascript", SCRIPT
        if split.path == "/token":
            user = query["user"][0]
            self.asked.append(user)
            return "text/plain", self.tokens(user)
        return "text/html", PAGE.format(herald=self.herald)

    def handler(host):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path == "/favicon.ico":
                    self.send_response(204)
                    self.end_headers()
                    return
                kind, text = host.answer(self.path)
                self.send_response(200)
                self.send_header("content-type", f"{kind}; charset=utf-8")
                self.send_header("content-security-policy", host.policy())
                self.send_header("cache-control", "no-store")
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        return Handler
