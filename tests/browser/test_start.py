"""Starting an evaluation with a file of one's own, seeing what it takes before it is paid."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Site, Watched

ROWS = "id,question,answer\n" + "".join(f"q{n},word {n},word {n % 4}\n" for n in range(12))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "words.csv"
    path.write_text(ROWS)
    return path


def test_a_file_becomes_an_evaluation_whose_price_is_told_first(
    page: Page, data: Path, watched: Watched
) -> None:
    watched.expected.append("422")
    page.get_by_role("link", name="New", exact=True).click()
    page.get_by_label("that is uploaded").set_input_files(data)
    page.get_by_role("button", name="Upload it").click()
    expect(page.get_by_role("status")).to_contain_text("words.csv is data set ds_")
    expect(page.get_by_text("{question}").first).to_be_visible()
    page.get_by_label("Column with the id").fill("id")
    page.get_by_label("Column with the right answer").fill("answer")
    page.locator("textarea[name=prompt]").fill("say {questoin}")
    page.get_by_label("parrot").check()
    page.get_by_role("button", name="Check, and see what it takes").click()
    expect(page.get_by_text("questoin").first).to_be_visible()
    page.locator("textarea[name=prompt]").fill("say {question}")
    page.get_by_role("button", name="Check, and see what it takes").click()
    expect(page.get_by_role("heading", name="In order. It takes about:")).to_be_visible()
    expect(page.locator(".checked dd").first).to_contain_text("$")
    page.get_by_role("button", name="Start for").click()
    page.wait_for_url("**/runs/run_*")
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_what_is_changed_after_the_price_was_told_is_told_anew(page: Page, site: Site) -> None:
    made = site.ask(
        "/evaluations",
        {
            "name": "kept",
            "cases": [{"q": "ja"}],
            "model": "parrot",
            "prompt": "say {q}",
        },
    )
    page.goto(f"/start?evaluation={made['id']}")
    expect(page.locator("textarea[name=prompt]")).to_have_value("say {q}")
    page.get_by_role("button", name="Check, and see what it takes").click()
    page.get_by_label("Repeats of each case").fill("7")
    page.get_by_role("button", name="Start for").click()
    expect(page.get_by_role("status")).to_contain_text("changed since")
    page.get_by_role("button", name="Start for").click()
    page.wait_for_url("**/runs/run_*")
    newest = site.ask("/runs")["data"][0]
    assert newest["progress"]["total"] == 7


def test_yaml_says_beside_its_line_what_is_wrong(page: Page, watched: Watched) -> None:
    watched.expected.append("422")
    page.goto("/start")
    page.get_by_role("button", name="As YAML").click()
    box = page.get_by_label("The evaluation as YAML")
    box.fill("cases: [{q: ja}]\nmodel: parrot\npromt: say {q}\n")
    page.get_by_role("button", name="Check, and see what it takes").click()
    expect(page.locator(".lines tr").filter(has_text="promt: say")).to_contain_text(
        "did you mean `prompt`?"
    )
    box.fill("cases: [{q: ja}]\nmodel: parrot\nprompt: say {q}\n")
    page.get_by_role("button", name="Check, and see what it takes").click()
    expect(page.get_by_role("button", name="Start for")).to_be_visible()
    curl = page.locator("pre").first.inner_text()
    assert json.loads(curl.partition("-d '")[2].rpartition("'")[0])["prompt"] == "say {q}"


@pytest.mark.parametrize("kind", ["column", "benchmark", "safety", "samples"])
def test_every_kind_is_a_tab_and_fits_a_phone(page: Page, kind: str) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/start")
    page.get_by_role("navigation", name="Kinds of evaluations").get_by_role(
        "link", name=kind, exact=False
    ).click()
    page.wait_for_url(f"**/start?kind={kind}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
