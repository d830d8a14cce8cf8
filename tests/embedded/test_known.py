"""The table of models that ship inside packages."""

from pathlib import Path

import pytest

from weighbridge.embedded.known import ADDABLE, FOLDER, added_models
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.declared import DeclaredModel, ModelsFile


@pytest.mark.parametrize("name", ADDABLE)
def test_the_parts_of_a_model_add_up(name: str) -> None:
    model = ADDABLE[name]
    sizes = [model.size_of(part) for part in range(1, model.parts + 1)]
    assert sum(sizes) == model.bytes
    assert set(sizes[:-1]) == {model.part_bytes}
    assert 0 < sizes[-1] <= model.part_bytes
    assert len(model.sha256) == 64


def test_an_added_model_can_be_named_and_one_declared_under_its_name_comes_before_it(
    tmp_path: Path,
) -> None:
    name = "qwen2.5-coder-0.5b"
    assert added_models(tmp_path) == ()
    path = tmp_path / FOLDER / f"{name}.gguf"
    path.parent.mkdir()
    path.write_bytes(b"weights")
    (added,) = added_models(tmp_path)
    assert (added.name, added.protocol, added.path) == (name, "llama", path)
    assert added.sha256 == ADDABLE[name].sha256, "it is checked when the model is opened"
    catalog = Catalog(None, {}, added=[added])
    assert catalog.resolve(name) is added
    assert [row.name for row in catalog.list()][:2] == [name, "embedded"]
    own = DeclaredModel(name=name, protocol="scripted", replies=["mine"])
    catalog = Catalog(ModelsFile(models=(own,)), {}, added=[added])
    assert catalog.resolve(name) is own
    assert [row.name for row in catalog.list()].count(name) == 1
