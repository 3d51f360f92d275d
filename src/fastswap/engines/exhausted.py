"""Whether a library ran out of the GPU's memory, told apart from all else that may fail: a smaller batch then helps.

CUDA, cuDNN, cuBLAS and TensorRT say so in words of their own. "Memory" alone means nothing: an illegal memory access is
a fault that no batch cures.
"""

from __future__ import annotations

import re
from typing import Final

_WORDS: Final = re.compile(
    r"out[ _-]?of[ _-]?memory|alloc(ation)?_failed|could not be allocated|memory is exhausted"
    r"|insufficient (gpu |device )?(memory|workspace)",
    re.IGNORECASE,
)


def says_exhausted(words: str) -> bool:
    """Whether a library's complaint is about memory that is not there."""
    return _WORDS.search(words) is not None


def is_exhausted(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, is about memory that is not there."""
    while error is not None:
        if isinstance(error, MemoryError) or says_exhausted(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False
