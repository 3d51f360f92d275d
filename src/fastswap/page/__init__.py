"""`fastswap render --report out.html`: what a render did, on one self-contained page.

`collect` watches the render, `measures` has the numbers, `build` writes the page; `page.html`, `.css` and `.js` are how
it looks.
"""

from __future__ import annotations

from fastswap.page.build import write_page
from fastswap.page.collect import Collector
from fastswap.page.output import Page

__all__ = ["Collector", "Page", "write_page"]
