#!/usr/bin/env python3
"""Makes pages of the guide's site from those of Doxygen: reference.py DOXYGEN PAGES

Writes PAGES/NAME.md for each class, concept and namespace in the folder DOXYGEN, and prints their part of the navigation. A page is
Doxygen's HTML, cut at its headings, which become Markdown: so they are in the table of contents and in the search.
"""

import html
import json
import pathlib
import re
import sys

HEADINGS = [
    # A table of members, whose first row is its heading; a section; a member.
    (r'<table class="memberdecls">\s*<tr class="heading"><td colspan="2"><h2 class="groupheader">'
     r'<a id="(?P<id>[^"]+)"[^>]*></a>(?P<text>.*?)</h2></td></tr>', "##", '<table class="memberdecls">\n'),
    (r'(?:<a name="(?P<id>[^"]+)"[^>]*></a>)?<h2 class="groupheader">(?P<text>.*?)</h2>', "##", ""),
    (r'<a id="(?P<id>[^"]+)"[^>]*></a>\s*<h2 class="memtitle"><span class="permalink">.*?</span>(?P<text>.*?)</h2>', "###", ""),
]


def text_of(fragment):
    text = html.unescape(re.sub(r"<[^>]+>", "", fragment)).strip()
    return re.sub(r"< (.*?) ?>", r"<\1>", text)


def heading(level, match, after):
    text = text_of(match["text"])
    if level == "###":
        text = f"`{text}`"
    anchor = f" {{: #{match['id']} }}" if match["id"] else ""
    return f"\n</div>\n\n{level} {text}{anchor}\n\n<div class=\"reference\">\n{after}"


def page_of(source):
    title = text_of(re.search(r'<div class="title">(.*?)(?:<span|</div>)', source)[1])
    name = re.sub(r" (Class|Struct|Concept|Namespace)( Template)? Reference$", "", title)
    body = re.search(r'<div class="contents">(.*)</div><!-- contents -->', source, re.S)[1]
    body = re.sub(r'<div class="ttc".*\n', "", body)  # tooltips
    body = re.sub(r'\s*<a href="[^"]*">More\.\.\.</a>', "", body)
    body = re.sub(r"<p>Inherits (<[^>]*>)*detail::.*?</p>", "", body)
    for pattern, level, after in HEADINGS:
        body = re.sub(pattern, lambda match: heading(level, match, after), body, flags=re.S)
    page = f"# `{name}`\n\n<div class=\"reference\">\n{body}\n</div>\n"
    return name, re.sub(r'<div class="reference">\s*</div>\n', "", page)


def main(doxygen, pages):
    pages.mkdir(parents=True)
    sections = {"namespace": [], "class": [], "concept": []}
    for file in sorted(doxygen.glob("*.html")):
        kind = re.match(r"(namespace|class|struct|concept)(memo|std)_?", file.name)
        if not kind or file.stem.endswith("-members"):
            continue
        name, page = page_of(file.read_text(encoding="utf-8"))
        (pages / f"{file.stem}.md").write_text(page, encoding="utf-8")
        short = re.sub(r"^memo::", "", name)
        # Of a template's arguments, those of a specialization say which one it is.
        if "_3_01" not in file.stem:
            short = re.sub(r"<[^<>]*>", "", short)
        sections[kind[1].replace("struct", "class")].append((short, f"reference/{file.stem}.md"))
    print("  - Reference:")
    print("      - Headers: reference.md")
    for name, path in sections["namespace"]:
        print(f"      - {json.dumps('Namespace ' + name)}: {path}")
    for title, kind in (("Classes", "class"), ("Concepts", "concept")):
        print(f"      - {title}:")
        for name, path in sorted(sections[kind]):
            print(f"          - {json.dumps(name)}: {path}")


main(*map(pathlib.Path, sys.argv[1:]))
