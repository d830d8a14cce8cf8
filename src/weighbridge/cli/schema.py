"""`weighbridge schema`: the shape of the evaluation file, for editors and other programs."""

import click
import orjson

from weighbridge.spec import json_schema


@click.command("schema")
def schema() -> None:
    """Print the JSON schema of the evaluation file.

    Editors that know JSON schema complete and check the file with it: save it, and begin the file
    with the line `# yaml-language-server: $schema=FILE`.
    """
    click.echo(orjson.dumps(json_schema(), option=orjson.OPT_INDENT_2).decode())
