"""Networks by TensorRT: built engines deserialised and run, by the full or by the lean run time."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from fastswap.engines.exhausted import says_exhausted
from fastswap.engines.network import SLOTS, padded
from fastswap.errors import DeviceError

if TYPE_CHECKING:
    from fastswap.device.runtime import Runtime, Stream

_FULL: Final = ("tensorrt", "tensorrt_bindings")
_LEAN: Final = ("tensorrt_lean", "tensorrt_lean_bindings")


def library(*, lean: bool = False) -> ModuleType:
    """TensorRT's Python module, or that of its lean run time. Raises DeviceError when it is not installed.

    Importing needs no driver; making a `Runtime` or a `Builder` does.
    """
    for name in _LEAN if lean else _FULL:
        try:
            return import_module(name)
        except ModuleNotFoundError:
            continue
        except (ImportError, OSError) as error:
            raise DeviceError(f"TensorRT cannot be used: {str(error).strip().splitlines()[0]}") from error
    package = "tensorrt-lean-cu13-bindings tensorrt-lean-cu13-libs" if lean else "tensorrt"
    what = "TensorRT's lean run time" if lean else "TensorRT"
    raise DeviceError(f"{what} is not installed: pip install {package}")


class UnusableEngine(Exception):
    """A built engine that this machine's TensorRT does not take; it has to be built again."""


def messages(trt: ModuleType) -> Any:
    """A logger that keeps TensorRT's complaints and prints nothing.

    last: the last one, or "no reason given". `failure` makes an error of a call that failed: MemoryError where a
    complaint since the last failure was that the GPU's memory is too small, which TensorRT seldom says last.
    """

    class Messages(trt.ILogger):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.last, self._exhausted = "no reason given", ""

        def log(self, severity: Any, msg: str) -> None:
            if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
                self.last = (msg.strip().splitlines() or [self.last])[0]
                if says_exhausted(msg):
                    self._exhausted = self.last

        def failure(self, words: str, kind: type[Exception] = DeviceError) -> Exception:
            told, self._exhausted = self._exhausted, ""
            return MemoryError(f"{words} ({told})") if told else kind(f"{words} ({self.last})")

    return Messages()


class TensorRtNetwork:
    """See `network.DeviceNetwork`. Each slot and batch size becomes one CUDA graph when it is first met.

    engine: serialised. sizes: as it was built for: the largest has a profile of its own (see `tensorrt_build`).
    Raises UnusableEngine when it cannot be deserialised, MemoryError when the GPU is too full to run it.
    """

    def __init__(
        self,
        engine: bytes,
        runtime: Runtime,
        *,
        trt: ModuleType,
        sizes: tuple[int, ...],
        precision: str,
        slots: int = SLOTS,
    ) -> None:
        self.name, self.precision, self.sizes = f"TensorRT {trt.__version__}", precision, sizes
        self.notices: list[str] = []
        self._runtime, self._trt = runtime, trt
        self._log = messages(trt)
        self._contexts: dict[int, Any] = {}  # by profile
        self._graphs: dict[tuple[int, int], Any] = {}
        self._slots: list[dict[str, Any]] = []
        with runtime.current():  # the library takes the device whose context is current
            self._open(engine, slots)

    def _open(self, engine: bytes, slots: int) -> None:
        trt = self._trt
        self._library = trt.Runtime(self._log)
        # An engine for the lean run time carries host code; it comes from the user's own cache, hash checked.
        self._library.engine_host_code_allowed = True
        self._engine = self._library.deserialize_cuda_engine(engine)
        if self._engine is None:
            raise self._log.failure("it cannot be deserialised", UnusableEngine)
        names = [self._engine.get_tensor_name(index) for index in range(self._engine.num_io_tensors)]
        inputs = [name for name in names if self._engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
        self._input = inputs[0]
        self.outputs = tuple(name for name in names if name not in inputs)
        self._slots = [self._slot() for _ in range(slots)]

    def _slot(self) -> dict[str, Any]:
        """Device memory for one batch of the largest size, by name of the tensor."""
        made = {}
        for name in (self._input, *self.outputs):
            shape = [self.sizes[-1], *tuple(self._engine.get_tensor_shape(name))[1:]]
            made[name] = self._runtime.native.Array.empty(shape, "<f4", self._runtime.index)
        return made

    def taken(self, slot: int, count: int) -> Any:
        """See `network.DeviceNetwork`."""
        return self._first(self._slots[slot][self._input], count)

    def given(self, slot: int, name: str, count: int) -> Any:
        """See `network.DeviceNetwork`."""
        return self._first(self._slots[slot][name], count)

    def _first(self, array: Any, count: int) -> Any:
        pointer = array.__cuda_array_interface__["data"][0]
        return self._runtime.native.Array(pointer, [count, *array.shape[1:]], None, "<f4", array)

    def run(self, slot: int, count: int, stream: Stream) -> None:
        """See `network.DeviceNetwork`."""
        if self._engine is None:
            raise DeviceError("this engine is closed")
        size = padded(count, self.sizes)
        graph = self._graphs.get((slot, size))
        if graph is None:
            self._graphs[slot, size] = self._recorded(slot, size, stream)
        else:
            graph.launch(stream.handle)

    def _recorded(self, slot: int, size: int, stream: Stream) -> Any:
        """Runs a batch, and records the same work as a graph for the next ones."""
        context = self._bound(slot, size, stream)
        self._execute(context, stream)  # with what TensorRT sets up at the first run of a shape
        stream.synchronize()
        graph = self._runtime.native.Graph()
        with self._runtime.recording:
            graph.begin(stream.handle)
            try:
                self._execute(context, stream)
            finally:
                graph.end(stream.handle)
        return graph

    def _bound(self, slot: int, size: int, stream: Stream) -> Any:
        """The context of a size's profile, pointed at the slot's memory."""
        profile = 0 if size == self.sizes[-1] else 1
        context = self._contexts.get(profile)
        if context is None:
            context = self._engine.create_execution_context()
            if context is None:
                raise self._log.failure(f"cuda:{self._runtime.index}: TensorRT cannot prepare its work")
            if not context.set_optimization_profile_async(profile, stream.handle):
                raise self._log.failure(f"TensorRT: profile {profile} cannot be used")
            self._contexts[profile] = context
        shape = (size, *tuple(self._engine.get_tensor_shape(self._input))[1:])
        done = context.set_input_shape(self._input, shape)
        for name, array in self._slots[slot].items():
            done = done and context.set_tensor_address(name, array.__cuda_array_interface__["data"][0])
        if not done:
            raise self._log.failure(f"TensorRT refuses a batch of {size}")
        return context

    def _execute(self, context: Any, stream: Stream) -> None:
        if not context.execute_async_v3(stream.handle):
            raise self._log.failure("TensorRT cannot run the network")

    def close(self) -> None:
        """See `network.DeviceNetwork`."""
        with self._runtime.current():
            self._graphs.clear()
            self._contexts.clear()
            self._slots.clear()
            self._engine = self._library = None
