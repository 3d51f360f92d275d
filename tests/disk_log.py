"""What would be on the disk if the power failed now: remembers every fsync of a process, and acts on it afterwards."""

from __future__ import annotations

import json
import os
import shutil
import stat
import threading
from pathlib import Path
from typing import Any

_fsync = os.fsync
_lock = threading.Lock()


def start(log: Path) -> None:
    """From now on each fsync of a file keeps a copy of it by inode, each fsync of a folder its names."""
    log.mkdir(exist_ok=True)

    def fsync(file: Any) -> None:
        _fsync(file)
        handle = file if isinstance(file, int) else file.fileno()
        about = os.fstat(handle)
        path = Path(f"/proc/self/fd/{handle}").readlink()
        with _lock:
            if stat.S_ISDIR(about.st_mode):
                names = {entry.name: entry.inode() for entry in os.scandir(path)}
                _write(log / f"names-{about.st_ino}", json.dumps(names).encode())
            else:
                _write(log / f"file-{about.st_ino}", path.read_bytes())

    os.fsync = fsync


def _write(path: Path, data: bytes) -> None:
    partial = path.with_name(path.name + ".new")
    partial.write_bytes(data)
    partial.replace(path)


def crash(log: Path, folder: Path) -> set[str]:
    """Leaves in `folder` only what the log says is on the disk; the names that are left with their whole content.

    Files keep their times. Folders in it are lost.
    """
    held = log / f"names-{folder.stat().st_ino}"
    names = json.loads(held.read_bytes()) if held.exists() else {}
    kept = {}
    for name, inode in names.items():
        copy = log / f"file-{inode}"
        kept[name] = copy.read_bytes() if copy.exists() else b""
    times = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    shutil.rmtree(folder)
    folder.mkdir()
    for name, data in kept.items():
        (folder / name).write_bytes(data)
        moment = times.get(name, 0)
        os.utime(folder / name, ns=(moment, moment))
    return {name for name, data in kept.items() if data}
