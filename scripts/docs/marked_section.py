"""Replace the section of a document between two marks."""

__all__ = ["replace_section"]


def replace_section(text: str, begin: str, end: str, section: str) -> str:
    """Return a document with the section between two marks replaced.

    Args:
        text: The document.
        begin: The mark before the section, which stays.
        end: The mark after the section, which stays.
        section: The new section.

    Raises:
        ValueError: The marks are missing.
    """
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"the document has no {begin} … {end}")
    return f"{before}{begin}\n\n{section}\n\n{end}{after}"
