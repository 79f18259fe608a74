"""The pixels of the keyboard, by which tests see what users see."""

from __future__ import annotations

from visitor import Visitor

__all__ = ["difference", "keep", "wait_for_rest"]


def keep(visitor: Visitor) -> None:
    """Store the keyboard's picture in the page."""
    visitor.page.evaluate(
        """() => {
          const canvas = document.getElementById("piano");
          const { width, height } = canvas;
          const read = () => canvas.getContext("2d").getImageData(0, 0, width, height).data;
          window.kept = read();
          window.difference = () => {
            const now = read();
            let most = 0;
            for (let i = 0; i < now.length; i += 1) {
              most = Math.max(most, Math.abs(now[i] - window.kept[i]));
            }
            return now.length === window.kept.length ? most : 255;
          };
        }"""
    )


def difference(visitor: Visitor) -> int:
    """Return the largest difference of a channel of a pixel from the stored picture, 0 to 255."""
    found: int = visitor.page.evaluate("() => window.difference()")
    return found


def wait_for_rest(visitor: Visitor) -> None:
    """Wait until no key is lit: until the picture is the stored one."""
    visitor.until("window.difference() === 0", timeout=6)
