"""What is written down about people."""

from pydantic import Field

from fortepiano.config.section import Section

__all__ = ["PrivacySettings"]


class PrivacySettings(Section):
    """The section `privacy`: what is written down about people."""

    keep_ips: bool = Field(
        default=False,
        description="Whether the log names the addresses of connections that are refused. Without"
        " it, none is ever written to disk but those that somebody bans.",
    )
