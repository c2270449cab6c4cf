"""Pages are current, and what they point at exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.write_reference import REFERENCE, pages

ROOT = Path(__file__).parent.parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "vectors").glob("*.md"))]


@pytest.mark.parametrize("name", pages())
def test_every_generated_page_is_current(name: str) -> None:
    assert (REFERENCE / name).read_text(encoding="utf-8") == pages()[name], "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), target


def test_every_decision_says_what_enforces_it() -> None:
    for page in sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md")):
        text = page.read_text(encoding="utf-8")
        for heading in ("Context", "Decision", "Consequences", "Alternatives", "Enforced by"):
            assert f"\n## {heading}\n" in text, (page.name, heading)
        assert text.startswith(f"# {page.name[:4]}. "), page.name
