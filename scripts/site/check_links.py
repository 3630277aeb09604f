#!/usr/bin/env python3
"""Checks every link of a site's pages: check_links.py FOLDER.

A link to another host is only looked at: it has to be https. Every other one must lead to a file of the site, and what follows
its # to an id there; and every page of the guide must be reached from index.html.
"""

import html.parser
import pathlib
import sys
import urllib.parse


class Page(html.parser.HTMLParser):
    def __init__(self, file):
        super().__init__()
        self.ids, self.links = set(), []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id" or (name == "name" and tag == "a"):
                self.ids.add(value)
            elif name in ("href", "src") and value:
                self.links.append(value)


def main(folder):
    pages = {file: Page(file) for file in sorted(folder.rglob("*.html"))}
    dead, count, leads_to = [], 0, {}
    for file, page in pages.items():
        leads_to[file] = set()
        for link in page.links:
            parts = urllib.parse.urlsplit(link)
            count += 1
            if parts.scheme in ("javascript", "data") or parts.scheme == "https":
                continue
            if parts.scheme or parts.netloc:
                dead.append(f"{file}: {link}: no https")
                continue
            path = urllib.parse.unquote(parts.path)
            target = (file.parent / path).resolve() if path else file
            if path.startswith("/") or not target.exists():
                # The page for missing addresses has links from the site's root.
                if file.name != "404.html":
                    dead.append(f"{file}: {link}: no such file")
                continue
            if target.is_dir():
                target /= "index.html"
            leads_to[file].add(target)
            fragment = urllib.parse.unquote(parts.fragment)
            if fragment and target in pages and fragment not in pages[target].ids:
                dead.append(f"{file}: {link}: no such place in {target.name}")
    seen, to_see = set(), [folder / "index.html"]
    while to_see:
        file = to_see.pop()
        if file not in seen:
            seen.add(file)
            to_see += leads_to.get(file, ())
    for file in pages:
        if file not in seen and file.name != "404.html" and "reference" not in file.parts:
            dead.append(f"{file}: no page leads to it")
    print("\n".join(dead + [f"{len(pages)} pages, {count} links, {len(dead)} of them dead"]))
    return 1 if dead or not pages else 0


sys.exit(main(pathlib.Path(sys.argv[1]).resolve()))
