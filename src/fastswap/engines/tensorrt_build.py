"""Builds TensorRT engines from typed ONNX models."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from fastswap.engines.tensorrt import messages
from fastswap.errors import ModelError

if TYPE_CHECKING:
    from onnx import ModelProto

WORKSPACE: Final = 4 << 30
"""Bytes of device memory that a kernel may ask for beside the activations, at most; less where less is free."""

Step = Callable[[str, float], None]
"""Told what the builder is doing and how far that is, 0..1."""


@dataclass(frozen=True, slots=True)
class Built:
    """A serialised engine, what its kernels were timed at for later builds, and the seconds that it took."""

    engine: bytes
    timing: bytes
    seconds: float


def build(
    model: ModelProto,
    *,
    trt: ModuleType,
    batch: int,
    lean: bool = False,
    timing: bytes = b"",
    free: int = WORKSPACE,
    step: Step | None = None,
) -> Built:
    """An engine for batches of 1 to `batch`.

    The pipeline fills its batches, so profile 0 is that one size; profile 1 holds the rest, for the ends of clips and
    frames with few faces. lean: for the lean run time of any TensorRT of the same major version. timing: from an
    earlier build. free: bytes of device memory that may be used. step: progress.

    Raises ModelError naming the node that TensorRT cannot parse, DeviceError when it cannot build the rest, MemoryError
    when the GPU is too small for it, and what `step` raises.
    """
    begin = time.perf_counter()
    log = messages(trt)
    builder = trt.Builder(log)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, log)
    if not parser.parse(model.SerializeToString()):
        raise ModelError(f"TensorRT {trt.__version__} cannot parse it: {_parse_error(parser, log)}")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, max(1 << 26, min(WORKSPACE, free // 2)))
    if config.get_flag(trt.BuilderFlag.TF32):
        config.clear_flag(trt.BuilderFlag.TF32)  # float32 means float32
    if lean:
        config.set_flag(trt.BuilderFlag.VERSION_COMPATIBLE)
        config.set_flag(trt.BuilderFlag.EXCLUDE_LEAN_RUNTIME)
    for smallest, usual in ((batch, batch), (1, max(1, batch // 4))):
        profile = builder.create_optimization_profile()
        for index in range(network.num_inputs):
            tensor = network.get_input(index)
            shape = tuple(tensor.shape)[1:]
            profile.set_shape(tensor.name, (smallest, *shape), (usual, *shape), (batch, *shape))
        if config.add_optimization_profile(profile) < 0:
            raise log.failure(f"TensorRT refuses a batch of {batch}")
    cache = config.create_timing_cache(timing)
    if not config.set_timing_cache(cache, False):  # measured by another TensorRT or on another GPU
        config.set_timing_cache(config.create_timing_cache(b""), False)
    monitor = _monitor(trt, step or (lambda phase, done: None))  # a signal's handler runs in its callbacks
    config.progress_monitor = monitor
    plan = builder.build_serialized_network(network, config)
    if monitor.caught is not None:
        raise monitor.caught
    if plan is None:
        raise log.failure("TensorRT cannot build the engine")
    measured = config.get_timing_cache()
    kept = bytes(measured.serialize()) if measured is not None else b""
    return Built(bytes(plan), kept, time.perf_counter() - begin)


def _parse_error(parser: Any, log: Any) -> str:
    """The node at fault and why, in one line."""
    if not parser.num_errors:
        return str(log.last)
    error = parser.get_error(0)
    where = (
        f"node {error.node_name() or error.node()!r} ({error.node_operator()}): " if error.node() >= 0 else ""
    )
    return where + (str(error.desc()).strip().splitlines() or ["no reason given"])[0]


def _monitor(trt: ModuleType, step: Step) -> Any:
    """Turns TensorRT's nested phases into steps of the outermost one.

    An exception, such as that of a signal, must not pass through the library: it is `caught`, and stops the build.
    """

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.caught: BaseException | None = None
            self._steps: dict[str, int] = {}
            self._outer = ""

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self._steps[phase_name] = max(1, num_steps)
            if not parent_phase:
                self._outer = phase_name

        def step_complete(self, phase_name: str, step_number: int) -> bool:
            try:
                if phase_name == self._outer and self.caught is None:
                    step(phase_name, min(1.0, (step_number + 1) / self._steps[phase_name]))
            except BaseException as error:
                self.caught = error
            return self.caught is None

        def phase_finish(self, phase_name: str) -> None:
            self._steps.pop(phase_name, None)

    return Monitor()
