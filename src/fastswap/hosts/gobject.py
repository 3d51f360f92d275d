"""Finds GStreamer's Python bindings, which come from the system's packages and not from PyPI.

Debian's `python3-gst-1.0` belongs to the system's Python; its compiled parts work in every CPython of the same minor
version (3.11 in Debian 12), in a virtual environment too, when their folder is on the path. It is put at its end, so
that nothing else in it goes before the environment's own packages.
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from fastswap.errors import SettingsError

_FOLDERS = ("/usr/lib/python3/dist-packages", f"/usr/lib/python3.{sys.version_info[1]}/site-packages")
_VERSIONS = {"Gst": "1.0", "GstVideo": "1.0"}


def bindings() -> tuple[Any, Any, Any, Any]:
    """The modules Gst, GstVideo, GObject and GLib, initialised. Raises SettingsError when they are not there."""
    _keep_exceptions_whole()
    for folder in _FOLDERS:
        if importlib.util.find_spec("gi") is None and (Path(folder) / "gi").is_dir():
            sys.path.append(folder)
    try:
        import gi

        for name, version in _VERSIONS.items():
            gi.require_version(name, version)
        from gi.repository import GLib, GObject, Gst, GstVideo
    except (ImportError, ValueError) as error:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise SettingsError(
            f"GStreamer's Python bindings are not there for Python {version} ({error}); on Debian install"
            " python3-gst-1.0 gir1.2-gst-plugins-base-1.0 and use the system's Python version"
        ) from error
    Gst.init(None)
    return Gst, GstVideo, GObject, GLib


def _keep_exceptions_whole() -> None:
    """GStreamer brings libunwind, whose `_Unwind_Resume` would be found before libgcc's by every library that is loaded
    later, and the first C++ exception inside OpenVINO would end the process. What is global first is found first.
    """
    with suppress(OSError):  # no libgcc: nothing was built with it
        ctypes.CDLL("libgcc_s.so.1", mode=ctypes.RTLD_GLOBAL)
