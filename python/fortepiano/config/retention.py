"""The section `retention`: how long acts of moderation in people's rooms are stored."""

from pydantic import Field

from fortepiano.config.section import Section

__all__ = ["RetentionSettings"]


class RetentionSettings(Section):
    """The section `retention`: what is deleted of the audit log; acts of the staff never are."""

    audit_days: int = Field(
        default=90,
        ge=0,
        le=36_500,
        description="How long acts by moderators of rooms are kept; days, 0 for ever.",
    )
    audit_rows: int = Field(
        default=100_000,
        ge=0,
        le=1_000_000_000,
        description="Acts by moderators of rooms that are kept, the newest; acts, 0 for all.",
    )
