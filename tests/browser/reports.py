"""What a browser reports of a page: nothing is the only good answer."""

import re

TELL_POLICY = """addEventListener('securitypolicyviolation', (event) => console.error(
  `content policy: ${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`))"""


class Reports:
    """Gathers errors of the console, exceptions that nobody caught, and reports of content policies."""

    def __init__(self):
        self.found = []
        self.allowed = []

    def allow(self, pattern):
        """What a test provokes: a report that this regular expression finds is none."""
        self.allowed.append(re.compile(pattern))

    def watch(self, context):
        context.add_init_script(TELL_POLICY)
        context.on("console", lambda it: self.note(it.type, f"{it.text} ({it.location['url']})"))
        context.on("weberror", lambda it: self.note("error", f"exception: {it.error}"))

    def note(self, kind, text):
        if kind in ("error", "warning"):
            self.found.append(f"{kind}: {text}")

    def unexpected(self):
        return [it for it in self.found if not any(one.search(it) for one in self.allowed)]
