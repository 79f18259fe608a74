"""Every setting with its unit and its default.

The rules of play and their presets are in `fortepiano.rules`, and can be imported from here too.

`load` collects them from, strongest first: the flags of the command line, the environment, the file
`.env`, a TOML file, the defaults below (see `fortepiano.sources`). `Settings(...)` by itself reads
nothing but its arguments.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from fortepiano import sources
from fortepiano.rules import PRESETS, QuotaClass, Rate, Rules, RuleSettings

__all__ = [
    "PRESETS",
    "FlushSettings",
    "LimitSettings",
    "QuotaClass",
    "Rate",
    "RuleSettings",
    "Rules",
    "Settings",
    "StoreSettings",
    "load",
]

Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
"""A time to wait; never 0, which would end what it bounds before it began."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StoreSettings(_Section):
    """The section `store`: what survives a restart, and where."""

    url: Literal["", "memory:"] = Field(
        default="", description="Empty for SQLite in the data folder; `memory:` keeps nothing."
    )


class LimitSettings(_Section):
    """The section `limits`: what one client may cost."""

    message_bytes: int = Field(
        default=65_536, ge=1024, le=16_777_216, description="Longest message from a client; bytes."
    )
    fragments: int = Field(
        default=1024, ge=1, le=65_536, description="Frames of one message; frames."
    )
    lag_soft_bytes: int = Field(
        default=262_144,
        ge=4096,
        le=1_073_741_824,
        description="Behind by more, a reader is spared the cursors of others; bytes.",
    )
    lag_hard_bytes: int = Field(
        default=1_048_576,
        ge=4096,
        le=1_073_741_824,
        description="Behind by more, a reader is closed with 1013; bytes.",
    )
    stall_seconds: Seconds = Field(
        default=10,
        description="Without any progress for longer, a reader is closed with 1013; seconds.",
    )
    head_seconds: Seconds = Field(
        default=10, description="Time for the head of a request; seconds."
    )
    head_bytes: int = Field(
        default=16_384, ge=1024, le=1_048_576, description="Longest head of a request; bytes."
    )
    handshakes: int = Field(
        default=4096,
        ge=1,
        le=1_000_000,
        description="Sockets at once that have not upgraded or finished a request; sockets.",
    )
    hello_seconds: Seconds = Field(
        default=30, description="Time from the upgrade to `hi` before 4004; seconds."
    )
    ping_seconds: Seconds = Field(default=25, description="Time between WebSocket pings; seconds.")
    pong_seconds: Seconds = Field(default=10, description="Time for the answer to a ping; seconds.")
    drain_seconds: float = Field(
        default=10,
        ge=0,
        le=3600,
        description="Over how long a stopping server closes sockets; seconds.",
    )

    @model_validator(mode="after")
    def _soft_before_hard(self) -> Self:
        if self.lag_soft_bytes > self.lag_hard_bytes:
            raise ValueError("lag_soft_bytes must not be greater than lag_hard_bytes")
        return self


class FlushSettings(_Section):
    """The section `flush`: how often a room's messages are written out."""

    duty: float = Field(
        default=0.5, gt=0, le=1, description="Share of the event loop's time for writing; 0 to 1."
    )
    rest_ms: float = Field(
        default=20,
        ge=0,
        le=1000,
        description="Longest rest between two writes of a room; milliseconds.",
    )
    move_ms: float = Field(
        default=40,
        ge=0,
        le=1000,
        description="Time between two positions of one cursor; milliseconds.",
    )


# What examples, templates and the seed's own notes have where a secret belongs.
_PLACEHOLDER = re.compile(
    r"(change_?me|replace_?me|your_.*|(some|another)_random_string|(your_)?salt(_?here)?"
    r"|secret|default|example|placeholder|todo|x+)_?\d*",
    re.IGNORECASE,
)


def _known_mode(value: object) -> object:
    known = value in ("development", "production", "test")
    return "production" if isinstance(value, str) and not known else value


class Settings(BaseSettings):
    """Everything an operator can set; the root of the sections."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    # A server for people elsewhere listens on every address unless told otherwise.
    host: str = Field(default="0.0.0.0", min_length=1, description="Public address.")  # noqa: S104
    port: int = Field(
        default=8080, ge=0, le=65_535, description="Public TCP port; 0 takes a free one."
    )
    internal_host: str = Field(
        default="127.0.0.1", min_length=1, description="Address of metrics and administration."
    )
    internal_port: int = Field(
        default=9180,
        ge=0,
        le=65_535,
        description="TCP port of metrics and administration; 0 takes a free one.",
    )
    data_dir: Annotated[Path, AfterValidator(Path.expanduser)] = Field(
        default=Path("./data"), description="Folder of everything that survives a restart."
    )
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value),
    ] = Field(default="info", description="Least severe event that is logged.")
    node_env: Annotated[
        Literal["development", "production", "test"], BeforeValidator(_known_mode)
    ] = Field(
        default="production",
        description="`development` makes every connection a new user; else the address decides.",
    )
    salt1: SecretStr = Field(
        default=SecretStr(""), description="Hashed before the address into user ids."
    )
    salt2: SecretStr = Field(
        default=SecretStr(""), description="Hashed after the address into user ids."
    )
    words_file: Path | None = Field(
        default=None,
        description="Words that `no cussing` masks, one a line; unset for the list we come with.",
    )
    motd: str = Field(
        default="", max_length=4096, description="Message of the day, sent with `hi`."
    )
    store: StoreSettings = StoreSettings()
    limits: LimitSettings = LimitSettings()
    flush: FlushSettings = FlushSettings()
    rules: RuleSettings = RuleSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take arguments only: `load` reads the rest, and knows where each value came from."""
        return (init_settings,)

    @field_validator("salt1", "salt2")
    @classmethod
    def _no_placeholder(cls, salt: SecretStr, info: ValidationInfo) -> SecretStr:
        # With a salt everybody knows, anybody can find the address behind a user id.
        tried_out = info.data.get("node_env") == "development"
        if not tried_out and _PLACEHOLDER.fullmatch(re.sub(r"[\s-]", "_", salt.get_secret_value())):
            raise ValueError(
                "must be a secret of your own, not a placeholder; leave both salts out and they "
                "are made and kept in the data folder"
            )
        return salt


def load(config_file: Path | None, flags: Mapping[str, object]) -> Settings:
    """Collect the settings from everywhere.

    Args:
        config_file: The TOML file to read; None for `fortepiano.toml` in the current folder, if
            there is one.
        flags: Settings by name as given on the command line; None stands for a flag not given.

    Returns:
        The checked settings.

    Raises:
        ConfigError: At least one value or name is wrong, or a file cannot be read; has one line
            per problem.
    """
    return sources.build(Settings, sources.read(config_file, flags))
