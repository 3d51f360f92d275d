"""Pictures and arrays in device memory for the tests of `_cuda`, on a card or emulated."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pictures


@dataclass
class DevicePicture:
    """A picture's blocks, guards included, in device memory."""

    host: pictures.Picture
    blocks: list[Any]
    planes: tuple[Any, Any, Any]

    @property
    def native(self) -> Any:
        """What `_cuda` takes."""
        return (*self.planes, *self.host.native[3:])


@dataclass
class Device:
    """A `_cuda` module and a stream to work on."""

    cuda: ModuleType
    stream: Any

    def put(self, array: NDArray[Any]) -> Any:
        """A copy in device memory."""
        array = np.ascontiguousarray(array)
        out = self.cuda.Array.empty(array.shape, array.dtype.str)
        out.upload(array, self.stream)
        return out

    def floats(self, *shape: int) -> Any:
        """Device memory that holds NaN everywhere."""
        return self.put(np.full(shape, np.nan, np.float32))

    def get(self, array: Any) -> NDArray[Any]:
        """A copy in host memory, once everything queued is done."""
        return np.asarray(array.download(self.stream))

    def picture(self, host: pictures.Picture) -> DevicePicture:
        """A copy in device memory, of the same layout."""
        blocks = [self.put(block) for block in host.blocks]

        def view(plane: NDArray[Any]) -> Any:
            for block, there in zip(host.blocks, blocks, strict=True):
                offset = plane.ctypes.data - block.ctypes.data
                if 0 <= offset < block.nbytes:
                    typestr = plane.dtype.str
                    return self.cuda.Array(there.pointer + offset, plane.shape, plane.strides, typestr, there)
            raise AssertionError("the plane lies in none of the blocks")

        y, u, v = (view(plane) for plane in host.planes)
        return DevicePicture(host, blocks, (y, u, v))

    def fetch(self, picture: DevicePicture) -> pictures.Picture:
        """The picture as it is now; `picture.host` is overwritten."""
        for block, there in zip(picture.host.blocks, picture.blocks, strict=True):
            block[...] = self.get(there)
        return picture.host
