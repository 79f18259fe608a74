"""The section `privacy`: personal data that is stored or logged."""

from pydantic import Field

from fortepiano.config.section import Section

__all__ = ["PrivacySettings"]


class PrivacySettings(Section):
    """The section `privacy`: personal data that is stored or logged."""

    keep_ips: bool = Field(
        default=False,
        description="Whether the log names the addresses of connections that are refused. Without"
        " it, only addresses that are banned are ever written to disk.",
    )
