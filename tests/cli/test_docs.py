"""The generated pages are current."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("script", "function", "page"),
    [
        ("generate_cli_docs.py", "cli_page", "cli.md"),
        ("generate_settings_docs.py", "settings_page", "settings.md"),
    ],
)
def test_a_generated_page_is_what_its_script_writes(script: str, function: str, page: str) -> None:
    written = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert written == runpy.run_path(str(ROOT / "scripts" / script))[function](), (
        f"run: python scripts/{script}"
    )
