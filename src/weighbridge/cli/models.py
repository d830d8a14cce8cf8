"""`weighbridge models`: what an evaluation can name under `model`."""

import os

import click

from weighbridge.cli.console import add_row, output, table
from weighbridge.cli.options import with_settings
from weighbridge.cli.words import printable
from weighbridge.dialects.native import translate
from weighbridge.embedded.known import added_models
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.declared import load_models_file
from weighbridge.settings import Settings


@click.command("models")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_settings()
def models(*, settings: Settings, as_json: bool) -> None:
    """List the models that evaluations can name, and what the others lack.

    They are declared in the file of --config; `provider/<model>` stands for every model of that
    provider. Nothing is contacted.
    """
    file = load_models_file(settings.config) if settings.config else None
    found = Catalog(file, os.environ, added=added_models(settings.data)).list()
    if as_json:
        for listing in found:
            click.echo(translate.from_model(listing).model_dump_json())
        return
    rows = table("name", "protocol", "usable", "also called")
    for listing in found:
        add_row(
            rows,
            printable(listing.name),
            listing.protocol,
            "yes" if listing.usable else f"no: {printable(listing.why_not or '')}",
            printable(", ".join(listing.aliases)),
        )
    output().print(rows)
