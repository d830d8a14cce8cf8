"""Texts out of documents; what is broken or hostile is refused, and takes nothing else with it."""

import asyncio
import io
import zipfile
from pathlib import Path
from typing import Any

import docx
import pypdf
import pytest

from weighbridge.documents import reading
from weighbridge.documents.reading import read_text
from weighbridge.errors import Invalid, TooLarge

OBJECTS = (
    "<</Type /Catalog /Pages 2 0 R>>",
    "<</Type /Pages /Kids [3 0 R] /Count 1>>",
    (
        "<</Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents 4 0 R "
        "/Resources <</Font <</F1 5 0 R>>>>>>"
    ),
    "<</Length 49>>\nstream\nBT /F1 18 Tf 20 100 Td (The bridge weighs) Tj ET\nendstream",
    "<</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>",
)


def pdf() -> bytes:
    """One page with a line of text."""
    made, places = b"%PDF-1.4\n", []
    for number, text in enumerate(OBJECTS, 1):
        places.append(len(made))
        made += f"{number} 0 obj {text} endobj\n".encode()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    return (
        made
        + (
            f"xref\n0 6\n0000000000 65535 f \n{table}"
            f"trailer <</Root 1 0 R /Size 6>>\nstartxref\n{len(made)}\n%%EOF\n"
        ).encode()
    )


def word(path: Path) -> Path:
    document = docx.Document()
    document.add_heading("Lorries", 1)
    document.add_paragraph("A lorry drives on. Ünd es wiegt.")
    table = document.add_table(2, 2)
    for row, cells in enumerate((("axle", "tonnes"), ("first", "7"))):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    document.add_paragraph("The end.")
    document.save(str(path))
    return path


async def read(path: Path, name: str | None = None) -> str:
    return (await read_text(path, name or path.name))[0]


async def test_plain_text_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes("\ufeff# Weighing\r\n\r\nLorries, e\u0301t.\r\n".encode())
    assert await read_text(path, "a.md") == ("# Weighing\n\nLorries, ét.", "text")


async def test_word_is_read_with_its_tables_in_their_places(tmp_path: Path) -> None:
    text = await read(word(tmp_path / "a.docx"))
    assert text == (
        "Lorries\n\nA lorry drives on. Ünd es wiegt.\n\naxle | tonnes\nfirst | 7\n\nThe end."
    )


async def test_pdf_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.PDF"
    path.write_bytes(pdf())
    assert await read_text(path, "a.PDF") == ("The bridge weighs", "pdf")


async def test_html_is_read_without_scripts_and_styles(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text(
        "<html><head><title>t</title><style>p {}</style></head><body><h1>Weighing ü</h1>"
        "<p>One <b>two</b></p><script>alert(1)</script></body></html>"
    )
    text = await read(path)
    assert text.splitlines() == ["Weighing ü", "", "One two"]


async def test_an_encrypted_pdf_is_refused(tmp_path: Path) -> None:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    writer.encrypt("secret", algorithm="RC4-128")
    path = tmp_path / "a.pdf"
    writer.write(path)
    with pytest.raises(Invalid, match="encrypted"):
        await read(path)


async def test_a_scan_without_text_says_so(tmp_path: Path) -> None:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    path = tmp_path / "a.pdf"
    writer.write(path)
    with pytest.raises(Invalid, match="holds no text; a scan"):
        await read(path)


def zipped(**files: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/").replace("_xml", ".xml"), data)
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.exe", b"MZ", "no document that can be read.*supported are .txt"),
        ("a", b"text", "supported are"),
        ("a.pdf", b"hello", "is no pdf by its first bytes"),
        ("a.docx", b"%PDF-1.4", "is no docx by its first bytes"),
        ("a.txt", b"%PDF-1.4", "is a pdf file by its first bytes"),
        ("a.txt", b"a\0b", "no text by its first bytes"),
        ("a.txt", b"caf\xe9", "not UTF-8 .byte 4.; save it as UTF-8"),
        ("a.pdf", b"%PDF-1.4 and rubbish", "cannot be read as pdf"),
        ("a.docx", b"PK\x03\x04rubbish", "cannot be read as docx"),
        ("a.docx", zipped(a=b"x"), "no Word document"),
        ("a.docx", zipped(word__document_xml=b"<not"), "cannot be read as docx"),
        ("a.html", b"", "holds no text"),
        ("a.txt", b" \n ", "holds no text"),
        ("a.txt", b"", "holds no text"),
    ],
)
async def test_what_cannot_be_read_is_refused_with_the_reason(
    tmp_path: Path, name: str, data: bytes, words: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(Invalid, match=words):
        await read(path, name)


async def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(zipped(word__document_xml=bytes(600 << 20)))
    with pytest.raises(Invalid, match="unpacks to more"):
        await read(path)


async def test_too_much_text_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_CHARACTERS", 10)
    path = tmp_path / "a.txt"
    path.write_text("x" * 11)
    with pytest.raises(TooLarge, match="over 10 characters"):
        await read(path)


async def test_a_reader_that_takes_too_long_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SECONDS", 0.01)
    with pytest.raises(TooLarge, match="to be read"):
        await read(word(tmp_path / "a.docx"))


async def test_the_process_that_reads_is_told_no_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_API_KEY", "wb_not-to-be-seen")
    started = asyncio.create_subprocess_exec
    environments: list[Any] = []

    async def watched(*arguments: Any, **options: Any) -> asyncio.subprocess.Process:
        environments.append(options["env"])
        return await started(*arguments, **options)

    monkeypatch.setattr("asyncio.create_subprocess_exec", watched)
    assert await read(word(tmp_path / "a.docx"))
    [environment] = environments
    assert "wb_not-to-be-seen" not in environment.values()
