"""Passages: the parts of documents that are made from the code, each between two marks."""

__all__ = ["with_passage"]


def with_passage(text: str, begin: str, end: str, passage: str) -> str:
    """Return a document with the passage between its marks made anew.

    Args:
        text: The document.
        begin: The mark before the passage, which stays.
        end: The mark behind it, which stays.
        passage: What is to stand there.

    Raises:
        ValueError: Where the marks are missing.
    """
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"the document has no {begin} … {end}")
    return f"{before}{begin}\n\n{passage}\n\n{end}{after}"
