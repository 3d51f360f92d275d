"""Every tolerance of the tests, with its reason."""

from __future__ import annotations
