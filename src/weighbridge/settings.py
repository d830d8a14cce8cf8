"""The one table of settings: names, defaults and help. Read once, in `wiring`, and passed on.

Each setting is `WEIGHBRIDGE_<NAME>` in the environment and, where `serve` has it, an option there.
"""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from weighbridge.outbound.guard import read_networks


class Settings(BaseSettings):
    """Everything an operator can set. `docs/settings.md` is generated from the descriptions."""

    model_config = SettingsConfigDict(
        env_prefix="WEIGHBRIDGE_",
        env_ignore_empty=True,  # `WEIGHBRIDGE_CONFIG=` says nothing, and not "the folder here"
        extra="ignore",
        frozen=True,
    )

    host: str = Field("127.0.0.1", description="Address the server listens on.")
    port: int = Field(8080, ge=0, le=65535, description="Port the server listens on; 0: any free.")
    data: Path = Field(
        Path("weighbridge-data"),
        description="Folder for the SQLite database and the blobs; made when missing.",
    )
    config: Path | None = Field(
        None, description="TOML file that declares models and defaults (see docs/models.md)."
    )
    database_url: str | None = Field(
        None,
        description="`postgresql://…` to keep rows in PostgreSQL; otherwise SQLite in the data "
        "folder.",
    )
    blob_url: str | None = Field(
        None,
        description="`s3://…`, `gs://…` or `az://…` to keep files there; otherwise the data "
        "folder.",
    )
    worker: bool = Field(True, description="Whether the server also works on runs itself.")
    api_key: SecretStr | None = Field(
        None,
        description="Becomes the first administrator's key when the store is empty; otherwise one "
        "is made and printed once.",
    )
    login: bool = Field(
        True,
        description="Whether the pages ask for an API key. Without, whoever uses a browser on this "
        "machine is an administrator; refused when other machines can reach the server.",
    )
    default_judge: str | None = Field(
        None, description="Model that judges when an evaluation names none."
    )
    default_generator: str | None = Field(
        None, description="Model that generates when an evaluation names none."
    )
    max_body_mb: int = Field(
        32, ge=1, description="Largest JSON request body, in MiB. Larger data goes up as a file."
    )
    max_upload_mb: int = Field(4096, ge=1, description="Largest uploaded file, in MiB.")
    max_concurrency: int = Field(
        1024, ge=1, description="Most calls in flight at once in one worker, over all its runs."
    )
    worker_shards: int = Field(
        4, ge=1, description="Shards of cases that one worker works on at the same time."
    )
    worker_lease_s: float = Field(
        20.0,
        ge=1.0,
        description="Seconds after which a worker that gave no sign of life is taken for dead and "
        "others take over its shards (PostgreSQL).",
    )
    cache_max_mb: int = Field(
        4096,
        ge=0,
        description="Most MiB that the cache of replies keeps, over all workspaces; what was used "
        "longest ago goes first. 0: no limit.",
    )
    cache_max_days: int = Field(
        0, ge=0, description="Days after which a reply that nobody used is forgotten. 0: never."
    )
    allowed_networks: str = Field(
        "",
        description="Private networks that webhooks may be sent to and files fetched from all the "
        "same, such as `10.1.0.0/16, 192.168.7.5`; without it only addresses that everyone can "
        "reach are contacted.",
    )
    otel_endpoint: str | None = Field(
        None,
        pattern="^https?://",
        description="`http://collector:4318`: where traces and metrics are sent by OTLP; otherwise "
        "as OTEL_EXPORTER_OTLP_ENDPOINT says, or nowhere.",
    )
    otel_content: bool = Field(False, description="Whether prompts and answers are part of traces.")
    log_level: str = Field("warning", description="debug, info, warning or error.")

    @field_validator("allowed_networks")
    @classmethod
    def _check_networks(cls, text: str) -> str:
        read_networks(text)
        return text
