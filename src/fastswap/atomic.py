"""An output is complete or absent: it is made in a hidden folder beside its place and moved there at the end."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from types import TracebackType

from fastswap.errors import OutputError


class Staging:
    """A hidden folder beside `output` in which the output is made under its own name.

    `path` is where to write. `publish()` moves all that lies in the folder to its place, the output last; leaving the
    `with` block without it leaves nothing behind. Raises OutputError when the output is the input, its folder is
    missing or not writable, or a folder with files stands in its place.
    """

    def __init__(self, source: Path | None, output: Path) -> None:
        self.output = output
        parent = output.parent
        if not output.name:
            raise OutputError(f"{output}: not a name for an output")
        if source is not None and output.exists() and source.exists() and output.samefile(source):
            raise OutputError(f"{output}: the output is the input; choose another name")
        if source is not None and source.is_dir() and source.resolve() in output.resolve().parents:
            raise OutputError(f"{output}: the output lies inside the input folder; choose another place")
        if not parent.is_dir():
            raise OutputError(f"{output}: the folder {parent} does not exist")
        if output.is_dir() and any(output.iterdir()):
            raise OutputError(f"{output}: this folder exists and is not empty")
        try:
            self._folder = Path(
                tempfile.mkdtemp(prefix=f".{output.name[:80]}.", suffix=".partial", dir=parent)
            )
        except OSError as error:
            raise OutputError(f"{output}: cannot write in {parent}: {error.strerror}") from error
        self.path = self._folder / output.name

    def __enter__(self) -> Staging:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def publish(self) -> None:
        """Moves the finished files to their places: what lies beside the output first, the output last."""
        made = sorted(self._folder.iterdir(), key=lambda path: (path == self.path, path.name))
        try:
            for path in made:
                path.replace(self.output.with_name(path.name))
        except OSError as error:
            raise OutputError(f"{self.output}: cannot be written: {error.strerror}") from error
