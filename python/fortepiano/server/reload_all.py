"""`fortepiano reload --all`: a reload at all nodes of a cluster."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from fortepiano import __version__
from fortepiano.http.asked_calls import Asker, Question, ask_nodes

if TYPE_CHECKING:
    from collections.abc import Callable

    from fortepiano.config import Settings
    from fortepiano.http.asked_calls import Answer
    from fortepiano.server.cluster import ClusterNode
    from fortepiano.server.reload import Reload

__all__ = ["reload_all"]

_RELOAD = Question(method="POST", path="/api/v1/configuration/reload", asker=Asker(scope="admin"))


async def reload_all(
    node: ClusterNode, reload: Reload, settings: Callable[[], Settings]
) -> dict[str, Any]:
    """Reload here and at all other nodes; return what each has changed, or its problems.

    Args:
        node: This server as a node.
        reload: Reloads this server.
        settings: Returns the settings in force.
    """
    own, (there, missing) = await asyncio.gather(
        _own(reload), ask_nodes(node, node.others, _RELOAD)
    )
    nodes = {node.name: own} | {name: _told(answer) for name, answer in sorted(there.items())}
    # Not earlier: until all have read theirs, they differ.
    differences = await node.follow_settings(settings())
    return {"nodes": nodes, "missing_nodes": missing, "differences": differences}


async def _own(reload: Reload) -> dict[str, Any]:
    report = await reload.on_command()
    report.pop("differences", None)  # others have perhaps not reloaded yet
    if refused := report.pop("refused", ""):
        report["waiting"] |= {"handlers": (__version__, refused)}
    return report


def _told(answer: Answer) -> dict[str, Any]:
    """Return what another node has changed, or why it has not."""
    document: dict[str, Any] = answer.document() if answer.body else {}
    if answer.is_success:
        return {name: document[name] for name in ("changed", "waiting", "handlers")}
    return {"problems": [document.get("detail", f"HTTP status {answer.status}")]}
