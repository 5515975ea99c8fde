"""A hook of MkDocs (mkdocs.yml): the pages of the site are the repository's Markdown files.

They keep their paths, so that links work on the site as they do in the repository. Files that they
link to are on the site, too: pictures, source files, and the report of the included results.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("*.md", "docs/*.md", "examples/*.md", "results/reference/*.md", "reports/reference/*.md")
_LINK = re.compile(r"""(?:\]\(|(?:src|href)=")([^)"\s#]+)""")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Replace the files of docs/ by those of the repository that belong to the site."""
    of_theme = [file for file in files if file.src_dir != config.docs_dir]
    return Files(of_theme + [_file(path, config) for path in sorted(set(_paths()))])


def _paths() -> Iterator[Path]:
    yield from ROOT.glob("reports/reference/*.html")
    for pattern in PAGES:
        for page in ROOT.glob(pattern):
            yield page
            for target in _LINK.findall(page.read_text(encoding="utf-8")):
                path = (page.parent / target).resolve()
                if path.is_file() and path.is_relative_to(ROOT):
                    yield path


def _file(path: Path, config: MkDocsConfig) -> File:
    file = File.generated(config, str(path.relative_to(ROOT)), abs_src_path=str(path))
    if path.suffix == ".md" and path.with_suffix(".html").exists():
        file.dest_uri = f"{file.src_uri}.html"  # report.html is the report itself
    return file
