"""The sound of a page: the level of its audio graph's output."""

from __future__ import annotations

from visitor import Visitor

__all__ = ["level", "listen"]

_LISTEN = """
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (target, ...rest) {
    if (target instanceof AudioDestinationNode) {
      const analyser = this.context.createAnalyser();
      analyser.fftSize = 8192;
      connect.call(this, analyser);
      window.level = () => {
        const data = new Float32Array(analyser.fftSize);
        analyser.getFloatTimeDomainData(data);
        return Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length);
      };
    }
    return connect.call(this, target, ...rest);
  };
"""


def listen(visitor: Visitor) -> Visitor:
    """Measure the output of a page that is not yet loaded."""
    visitor.page.add_init_script(_LISTEN)
    return visitor


def level(visitor: Visitor) -> float:
    """Return the root mean square of the last 0.2 s of a page's output."""
    found: float = visitor.page.evaluate("() => window.level()")
    return found
