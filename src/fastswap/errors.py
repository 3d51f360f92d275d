"""Every exception that fastswap raises on purpose.

Each message is one line that names the file, the option or the value at fault. The command prints the line and
exits with the class's `exit_code`; a library user catches `FastswapError` or one of its children.
"""

from __future__ import annotations


class FastswapError(Exception):
    """Base of all errors that fastswap raises on purpose."""

    exit_code = 1


class SettingsError(FastswapError, ValueError):
    """An option or a value that makes no sense."""

    exit_code = 2


class InputError(FastswapError):
    """An input file that is missing, unreadable, empty or not what it should be."""

    exit_code = 3


class OutputError(FastswapError):
    """An output that cannot be written: bad path, unknown encoder, full disk."""

    exit_code = 4


class ModelError(FastswapError):
    """A generator file that is not ONNX or does not carry fastswap's contract."""

    exit_code = 5


class WeightsError(FastswapError):
    """The default face models are neither cached nor obtainable, or fail their checksum."""

    exit_code = 6


class DeviceError(FastswapError):
    """The device that was asked for is missing or failed."""

    exit_code = 7


class TrainingError(FastswapError):
    """Training cannot start or go on: too few faces, no consent, torch missing."""

    exit_code = 8


class ProvenanceError(FastswapError):
    """A file cannot be signed, or what it says about itself does not hold."""

    exit_code = 9


class JobsError(FastswapError):
    """A batch that cannot be done as it is written, or of which jobs failed. problems: one line each."""

    exit_code = 10

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Interrupted(FastswapError):
    """The user stopped the work; nothing partial was left behind."""

    exit_code = 130
