"""The documentation as one folder of HTML: site.py FOLDER, into which doxygen and pdoc have written "header" and "python".

Each document of the repository becomes a page at its own path; what they link to of the sources does, too, as it is.
site.py --check FOLDER tells which links of all pages lead nowhere. Needs markdown-it-py and mdit-py-plugins, the check
nothing.
"""

import html
import os
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
REFERENCES = {"include/atlas_backup.h": "header/atlas__backup_8h.html"}
FIRST = ["README.md", "docs/other-languages.md", "bindings/python/README.md", "docs/error-codes.md", "docs/monitoring.md"]
LAST = ["CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md"]

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="{up}style.css">
</head>
<body>
<nav>
{menu}
</nav>
<main>
{body}
</main>
</body>
</html>
"""

STYLE = """:root { color-scheme: light dark; }
body { display: flex; margin: 0; font: 16px/1.5 system-ui, sans-serif; }
nav { flex: none; width: 15rem; padding: 1.5rem; font-size: 0.9rem; border-right: 1px solid #8884; }
nav a { display: block; padding: 0.15rem 0; text-decoration: none; }
nav a.here { font-weight: bold; }
main { min-width: 0; max-width: 60rem; padding: 1.5rem 2.5rem; }
table { display: block; overflow-x: auto; border-collapse: collapse; }
td, th { border: 1px solid #8886; padding: 0.3rem 0.6rem; text-align: left; vertical-align: top; }
pre { overflow-x: auto; padding: 0.8rem; background: #8881; }
code { font-size: 0.9em; }
@media (max-width: 50rem) { body { display: block; } nav { width: auto; border: 0; } }
"""


def documents():
    found = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").glob("*.md"))]
    names = FIRST + [name for name in found if name not in FIRST] + LAST
    return [name for name in names if (ROOT / name).exists()]


def title_of(name):
    first = (ROOT / name).read_text(encoding="utf-8").splitlines()[0]
    return first.lstrip("# ").replace("`", "")


def page_of(name):
    """The page that a document, or another file or folder of the repository, becomes."""
    if name == "README.md":
        return "index.html"
    if name in REFERENCES:
        return REFERENCES[name]
    return name[: -len(".md")] + ".html" if name.endswith(".md") else f"source/{name}.html"


def link(page, other):
    return os.path.relpath(other, os.path.dirname(page) or ".")


class Site:
    def __init__(self, folder):
        from markdown_it import MarkdownIt
        from mdit_py_plugins.anchors import anchors_plugin

        self.folder = folder
        self.documents = documents()
        self.sources = []
        self.markdown = MarkdownIt("commonmark").enable("table").use(anchors_plugin, max_level=6)

    def write(self, page, title, body):
        entries = [(page_of(name), title_of(name)) for name in self.documents]
        entries[1:1] = [("header/atlas__backup_8h.html", "C reference"), ("python/atlas_backup.html", "Python reference")]
        menu = "\n".join(
            f'<a{" class=here" if to == page else ""} href="{link(page, to)}">{html.escape(text)}</a>'
            for to, text in entries
        )
        path = self.folder / page
        path.parent.mkdir(parents=True, exist_ok=True)
        up = "../" * page.count("/")
        path.write_text(PAGE.format(title=html.escape(title), up=up, menu=menu, body=body), encoding="utf-8")

    def target(self, document, page, href):
        """Where a link of a document leads in the site."""
        parts = urlsplit(href)
        if parts.scheme or not parts.path:
            return href
        name = os.path.normpath(os.path.join(os.path.dirname(document), unquote(parts.path)))
        if not name.endswith(".md") and name not in REFERENCES and name not in self.sources:
            self.sources.append(name)
        elif name.endswith(".md") and name not in self.documents:
            self.documents.append(name)
        return link(page, page_of(name)) + (f"#{parts.fragment}" if parts.fragment else "")

    def render(self, document):
        page = page_of(document)
        tokens = self.markdown.parse((ROOT / document).read_text(encoding="utf-8"))
        for token in tokens:
            for inner in token.children or []:
                if inner.type == "link_open":
                    inner.attrSet("href", self.target(document, page, inner.attrGet("href")))
        return page, self.markdown.renderer.render(tokens, self.markdown.options, {})

    def source(self, name):
        path = ROOT / name
        page = page_of(name)
        if path.is_dir():
            files = sorted(str(it.relative_to(ROOT)) for it in path.iterdir() if it.is_file())
            self.sources += [it for it in files if not it.endswith(".md") and it not in self.sources]
            items = [(link(page, page_of(it)), os.path.basename(it)) for it in files if not it.endswith(".md")]
            body = "".join(f'<li><a href="{to}">{html.escape(text)}</a></li>\n' for to, text in items)
            body = f"<ul>\n{body}</ul>"
        else:
            body = f"<pre><code>{html.escape(path.read_text(encoding='utf-8'))}</code></pre>"
        return page, f"<h1>{html.escape(name)}</h1>\n{body}"

    def build(self):
        # Rendering finds further documents and sources; the menu is complete only then.
        rendered = {}
        for document in self.documents:
            rendered[document] = self.render(document)
        for name in self.sources:
            rendered[name] = self.source(name)
        for name, (page, body) in rendered.items():
            self.write(page, title_of(name) if name.endswith(".md") else name, body)
        (self.folder / "style.css").write_text(STYLE, encoding="utf-8")


class Links(HTMLParser):
    """The links of a page, and what one may link to in it."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.anchors |= {found[name] for name in ("id", "name") if found.get(name)}
        self.links += [found[name] for name in ("href", "src") if found.get(name)]


def check(folder):
    pages = {path: Links(path) for path in folder.rglob("*.html")}
    broken = []
    count = 0
    for path, page in pages.items():
        for href in page.links:
            parts = urlsplit(href)
            if parts.scheme or parts.netloc or href.startswith("javascript:"):
                continue
            count += 1
            there = Path(os.path.normpath(path.parent / unquote(parts.path))) if parts.path else path
            there = there / "index.html" if there.is_dir() else there
            # pdoc links to inherited attributes of a class, which it does not show: the class will do.
            anchors = {unquote(parts.fragment), unquote(parts.fragment).rpartition(".")[0]} - {""}
            if not there.exists() or anchors and there in pages and not anchors & pages[there].anchors:
                broken.append(f"    {path.relative_to(folder)}: {href}")
    for name in ["index.html", "header/atlas__backup_8h.html", "python/atlas_backup.html", "docs/error-codes.html"]:
        if not (folder / name).exists():
            broken.append(f"    there is no {name}")
    print(*broken, f"{'NOT OK' if broken else 'ok'} - none of {count} links of {len(pages)} pages leads nowhere", sep="\n")
    print(f"{int(not broken)} passed, {int(bool(broken))} failed")
    return bool(broken)


if sys.argv[1] == "--check":
    sys.exit(check(Path(sys.argv[2]).resolve()))
Site(Path(sys.argv[1]).resolve()).build()
