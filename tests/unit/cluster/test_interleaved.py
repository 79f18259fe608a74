"""Acts and messages of nodes in any order: in the end all nodes and clients agree."""

from __future__ import annotations

from hypothesis import settings

from support.interleaved import Interleaved

TestInterleaved = Interleaved.TestCase
TestInterleaved.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
