"""What stands on a page: its headings, for the contents, and its text, for the search."""

import html
import re
from html.parser import HTMLParser

SILENT = {"style", "script", "svg"}
BLOCKS = {"p", "li", "pre", "div", "td", "th", "h1", "h2", "h3", "h4", "summary"}


def with_ids(body):
    """(the HTML with a name for each heading, [(level, name, text)] of h2 and h3).

    The names are those by which links on GitHub lead to a heading: "What it does" → what-it-does.
    """
    headings, taken = [], set()

    def replace(match):
        level, inside = int(match[1]), match[2]
        text = html.unescape(re.sub(r"<[^>]+>", "", inside)).strip()
        name = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") or "part"
        while name in taken:
            name += "-1"
        taken.add(name)
        headings.append((level, name, text))
        return f'<h{level} id="{html.escape(name)}">{inside}</h{level}>'

    return re.sub(r"<h([23])[^>]*>(.*?)</h\1>", replace, body, flags=re.DOTALL), headings


class Sections(HTMLParser):
    """The text of a page by its h2 and h3, in .found: [[name of the heading, heading, text]]."""

    def __init__(self, body):
        super().__init__()
        self.found, self.inside = [["", "", ""]], []
        self.feed(body)
        for section in self.found:
            section[1:] = (" ".join(text.split()) for text in section[1:])

    def handle_starttag(self, tag, attributes):
        if tag in {"h2", "h3"}:
            self.found.append([dict(attributes).get("id", ""), "", ""])
        if tag in SILENT | {"h2", "h3"}:
            self.inside.append(tag)
        if tag in BLOCKS:
            self.handle_data(" ")

    def handle_endtag(self, tag):
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data):
        if not SILENT & set(self.inside):
            self.found[-1][1 if self.inside else 2] += data
