#!/usr/bin/env python3
"""Write docs/options.md, the page of all options, from their table.

    .venv/bin/python scripts/options_page.py

tests/unit/options/test_reference.py compares the committed page with the table.
"""

from pathlib import Path

from polaris_parsl.options.reference import reference_page

PAGE = Path(__file__).resolve().parents[1] / "docs" / "options.md"

if __name__ == "__main__":
    PAGE.write_text(reference_page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(PAGE.parents[1])}")
