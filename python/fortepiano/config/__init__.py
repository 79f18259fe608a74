"""All settings with their units and defaults: one file for each section.

`load` collects settings from these places, the strongest first: flags of the command line, the
environment, the file `.env`, a TOML file, and the defaults below (see `fortepiano.config.sources`).
`Settings(...)` by itself reads only its arguments. The rules of play are in
`fortepiano.config.rules`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from fortepiano.config import sources
from fortepiano.config.chat import ChatSettings
from fortepiano.config.cluster import ClusterSettings
from fortepiano.config.exposure import exposure_findings, is_placeholder
from fortepiano.config.finding import Finding, refuse_errors
from fortepiano.config.flush import FlushSettings
from fortepiano.config.identity import IdentityMode, IdentitySettings
from fortepiano.config.limits import LimitSettings
from fortepiano.config.networks import NetworkListSettings, NetworkSettings
from fortepiano.config.origins import HostNames, Origins
from fortepiano.config.pairs import pair_findings
from fortepiano.config.privacy import PrivacySettings
from fortepiano.config.proxy import ProxySettings
from fortepiano.config.retention import RetentionSettings
from fortepiano.config.rules import PRESETS, QuotaClass, Rate, Rules, RuleSettings
from fortepiano.config.store import StoreSettings

__all__ = [
    "PRESETS",
    "ChatSettings",
    "ClusterSettings",
    "FlushSettings",
    "IdentityMode",
    "IdentitySettings",
    "LimitSettings",
    "NetworkListSettings",
    "NetworkSettings",
    "PrivacySettings",
    "ProxySettings",
    "QuotaClass",
    "Rate",
    "Reading",
    "RetentionSettings",
    "RuleSettings",
    "Rules",
    "Settings",
    "StoreSettings",
    "load",
    "read",
]


def _known_mode(value: object) -> object:
    known = value in ("development", "production", "test")
    return "production" if isinstance(value, str) and not known else value


class Settings(BaseSettings):
    """All settings that an operator can change; the root of the sections."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    # By default the server listens on every address: people connect from elsewhere.
    host: str = Field(
        default="0.0.0.0",  # noqa: S104
        min_length=1,
        description="Public address, or `unix:/path` for a proxy on this machine.",
    )
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
    internal_hosts: HostNames = Field(
        default=(),
        examples=[["metrics.internal"]],
        description="Names by which that port may be called, besides addresses, `localhost` and"
        " internal_host; other names get 421.",
    )
    origins: Origins = Field(
        default=(),
        examples=[["https://piano.example.org"]],
        description="Origins whose pages may open WebSockets, besides the server's own; `null` is"
        " one too. Others get 403; programs send no origin, and pass. Empty to let in all.",
    )
    data_dir: Annotated[Path, AfterValidator(Path.expanduser)] = Field(
        default=Path("./data"), description="Folder of everything that survives a restart."
    )
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value),
    ] = Field(default="info", description="Least severe event that is logged.")
    log_severities: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Whether lines of the log begin with their severity (`<3>`), as systemd reads"
        " it: `auto` where they go to its journal.",
    )
    node_env: Annotated[
        Literal["development", "production", "test"], BeforeValidator(_known_mode)
    ] = Field(
        default="production",
        description="`development` makes every connection a new user, unless identity.mode is set.",
    )
    salt1: SecretStr = Field(
        default=SecretStr(""), description="Hashed before the address into user ids."
    )
    salt2: SecretStr = Field(
        default=SecretStr(""), description="Hashed after the address into user ids."
    )
    words_file: Annotated[Path | None, BeforeValidator(lambda value: value or None)] = Field(
        default=None,
        examples=[""],
        description=(
            "Words that `no cussing` masks, one a line, with their endings behind a colon;"
            " unset or empty for the built-in list."
        ),
    )
    motd: str = Field(
        default="", max_length=4096, description="Message of the day, sent with `hi`."
    )
    store: StoreSettings = StoreSettings()
    cluster: ClusterSettings = ClusterSettings()
    chat: ChatSettings = ChatSettings()
    identity: IdentitySettings = IdentitySettings()
    proxy: ProxySettings = ProxySettings()
    limits: LimitSettings = LimitSettings()
    networks: NetworkSettings = NetworkSettings()
    privacy: PrivacySettings = PrivacySettings()
    retention: RetentionSettings = RetentionSettings()
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
        """Read only the arguments: `load` reads all else, and records the origin of each value."""
        return (init_settings,)

    @property
    def identity_mode(self) -> IdentityMode:
        """The mode in force: identity.mode, or if that is unset, the one that NODE_ENV implies."""
        if self.identity.mode is not None:
            return self.identity.mode
        return "random" if self.node_env == "development" else "ip"

    @field_validator("words_file")
    @classmethod
    def _readable(cls, file: Path | None) -> Path | None:
        try:
            if file is not None:
                file.read_text("utf-8")
        except OSError as error:
            raise ValueError(f"{file} cannot be read: {error.strerror or error}") from None
        except UnicodeDecodeError:
            raise ValueError(f"{file} is not UTF-8") from None
        return file

    @field_validator("salt1", "salt2")
    @classmethod
    def _no_placeholder(cls, salt: SecretStr, info: ValidationInfo) -> SecretStr:
        # If a salt is public, anybody can find the address behind a user id.
        is_trial = info.data.get("node_env") == "development"
        if not is_trial and is_placeholder(salt.get_secret_value()):
            raise ValueError(
                "must be a secret of your own, not a placeholder; leave both salts out and they "
                "are made and kept in the data folder"
            )
        return salt


class Reading(NamedTuple):
    """Settings, and what was found in them.

    Attributes:
        settings: The checked settings.
        origins: Where each setting that is set comes from.
        findings: What deserves a warning.
    """

    settings: Settings
    origins: Mapping[sources.Keys, sources.Origin]
    findings: list[Finding]


def read(config_file: Path | None, flags: Mapping[str, object]) -> Reading:
    """Collect the settings from all places, and check them.

    Args:
        config_file: The TOML file to read; None for `fortepiano.toml` in the current folder, if
            there is one.
        flags: Settings by name as given on the command line; None stands for a flag not given.

    Raises:
        ConfigError: At least one value or name is wrong, two contradict each other, or a file
            cannot be read; has one line per problem.
    """
    layers = sources.read(config_file, flags)
    settings = sources.build(Settings, layers)
    origins = sources.origins(Settings, layers)
    findings = [*pair_findings(settings), *exposure_findings(settings, origins)]
    refuse_errors(findings, origins)
    return Reading(settings, origins, findings)


def load(config_file: Path | None, flags: Mapping[str, object]) -> Settings:
    """Return the checked settings of all places, as `read` collects them.

    Raises:
        ConfigError: As of `read`.
    """
    return read(config_file, flags).settings
