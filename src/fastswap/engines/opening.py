"""Opens a network on a GPU: TensorRT where it is, torch where it is not, checked against the CPU before it is used."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from fastswap.engines import graph as graphs
from fastswap.engines import precision as precisions
from fastswap.engines.accept import Outputs, differences, refused
from fastswap.engines.cache import EngineCache, EngineKey, Stored
from fastswap.engines.network import DeviceNetwork, batch_sizes, halving, run_on_host
from fastswap.engines.precision import Precision
from fastswap.errors import DeviceError, FastswapError, ModelError

if TYPE_CHECKING:
    from types import ModuleType

    from onnx import ModelProto

    from fastswap.device.runtime import Runtime
    from fastswap.engines.tensorrt_build import Step

EngineName = Literal["auto", "tensorrt", "torch"]

RECIPE: Final = 1
"""Version of the way from an ONNX file to an engine; a change makes older engines unused."""


@dataclass(frozen=True, slots=True)
class Job:
    """A network to open. model: ONNX. digest: SHA-256 of its file. name: for messages. batch: largest."""

    model: ModelProto
    digest: str
    name: str
    batch: int
    precision: Precision = "f16"

    def sized(self, batch: int) -> Job:
        """The same network for another batch."""
        return replace(self, batch=batch)

    @property
    def probes(self) -> NDArray[np.float32]:
        """Pictures to check the network on."""
        return precisions.probes(self.model.graph.input[0].type.tensor_type.shape.dim[2].dim_value)


def open_network(
    job: Job,
    runtime: Runtime,
    *,
    engine: EngineName = "auto",
    cache: EngineCache | None = None,
    step: Step | None = None,
) -> DeviceNetwork:
    """The network, warmed up. What is worth telling is in its `notices`.

    engine: "auto" takes TensorRT, and torch where TensorRT is missing or refuses the network. A batch for which the
    GPU's memory is too small is halved until it fits. step: progress of a build. Raises DeviceError or ModelError.
    """
    notices: list[str] = []

    def opened(batch: int) -> DeviceNetwork:
        return _open(job.sized(batch), runtime, engine, cache or EngineCache(), step, notices)

    network = halving(job.batch, opened, notices, job.name, runtime.trim)
    network.notices[:0] = dict.fromkeys(notices)  # each try had the same to say
    return network


def _open(
    job: Job, runtime: Runtime, engine: EngineName, cache: EngineCache, step: Step | None, notices: list[str]
) -> DeviceNetwork:
    if engine in ("auto", "tensorrt"):
        try:
            return open_tensorrt(job, runtime, cache, step)
        except (DeviceError, ModelError) as error:
            if engine == "tensorrt":
                raise
            notices.append(f"{job.name}: run by torch, since {error}")
    return open_torch(job, runtime)


@contextmanager
def closed_on_error(network: DeviceNetwork) -> Iterator[None]:
    """Closes the network when it fails, so that the next try has its memory."""
    try:
        yield
    except BaseException:
        network.close()
        raise


def open_torch(job: Job, runtime: Runtime) -> DeviceNetwork:
    """The network in torch; in float32 when half precision differs too much from the CPU."""
    try:
        from fastswap.engines.onnx_torch import require_supported
        from fastswap.engines.torch import TorchNetwork
    except ImportError as error:
        raise DeviceError(
            f"{job.name}: neither TensorRT nor torch can run it; pip install tensorrt, or torch ({_line(error)})"
        ) from error
    require_supported(graphs.read(job.model))
    truth, refusal = cpu_outputs(job), ""
    for precision in dict.fromkeys((job.precision, "f32")):
        keep = precisions.overflowing(job.model, precision, job.probes)
        network = TorchNetwork(
            job.model,
            runtime,
            sizes=batch_sizes(job.batch),
            precision=precision,
            keep=keep,
        )
        with closed_on_error(network):
            refusal = refused(truth, _outputs(network, job, runtime), precision)
        if not refusal:
            if precision != job.precision:
                network.notices.append(f"{job.name}: computed in float32; {job.precision} differed too much")
            return network
        network.close()
    raise DeviceError(f"{job.name}: torch's results differ from the CPU's ({refusal}); it is not used")


def open_tensorrt(
    job: Job, runtime: Runtime, cache: EngineCache, step: Step | None = None, *, lean: bool = False
) -> DeviceNetwork:
    """The network in TensorRT, built when the cache has no engine for it.

    lean: an engine for the lean run time. Where only that is installed an engine of the cache is used: it cannot build.
    """
    from fastswap.engines.tensorrt import TensorRtNetwork, UnusableEngine, library

    try:
        trt, builds = library(), True
    except DeviceError:
        trt, builds, lean = library(lean=True), False, True
    key = engine_key(job, runtime, str(trt.__version__), lean)
    wanted = _Build(job, runtime, trt, builds, cache, key, step)
    for _ in range(2):
        stored = cache.get(key, wanted.made)
        try:
            network = TensorRtNetwork(
                stored.engine,
                runtime,
                trt=trt,
                sizes=batch_sizes(job.batch),
                precision=str(stored.details.get("precision", job.precision)),
            )
        except UnusableEngine as error:
            cache.discard(key, str(error))
            continue
        network.notices += [*cache.notices, *stored_notices(stored, job)]
        cache.notices.clear()
        with closed_on_error(network):
            _outputs(network, job, runtime)  # memory is taken now, or found to be too small
        return network
    raise DeviceError(f"{job.name}: {trt.__name__} {trt.__version__} does not take the engine that it built")


def engine_key(job: Job, runtime: Runtime, version: str, lean: bool) -> EngineKey:
    """What an engine for this job, here and now, depends on."""
    return EngineKey(
        model=job.digest,
        precision=job.precision,
        batches=(1, max(1, job.batch // 4), job.batch),
        tensorrt=version.split(".", maxsplit=1)[0] if lean else version,
        gpu=runtime.name,
        capability=runtime.capability,
        driver="" if lean else runtime.driver,
        lean=lean,
        recipe=RECIPE,
    )


@dataclass(frozen=True, slots=True)
class _Build:
    """An engine to build by `trt`, a library that can do so if `builds`. key: what it is kept under. step: progress."""

    job: Job
    runtime: Runtime
    trt: ModuleType
    builds: bool
    cache: EngineCache
    key: EngineKey
    step: Step | None

    def made(self) -> tuple[bytes, dict[str, Any]]:
        """The engine, checked. One that the GPU had no room for is not tried again with no more room: that takes
        minutes."""
        if not self.builds:
            raise DeviceError(
                "TensorRT's lean run time has no engine for it: run `fastswap compile --lean` with TensorRT"
            )
        with self.runtime.current():
            free = self.runtime.memory()[0]
        if free <= self.cache.refused(self.key):
            raise MemoryError("no room for the engine when that was last tried")
        try:
            return self._checked(free)
        except MemoryError:
            self.cache.refuse(self.key, free)
            raise

    def _checked(self, free: int) -> tuple[bytes, dict[str, Any]]:
        """An engine whose results are the CPU's: in the precision asked for, or in float32."""
        from fastswap.engines.tensorrt import TensorRtNetwork
        from fastswap.engines.tensorrt_build import build

        job, runtime, trt = self.job, self.runtime, self.trt
        truth, refusal = cpu_outputs(job), ""
        for precision in dict.fromkeys((job.precision, "f32")):
            keep = precisions.overflowing(job.model, precision, job.probes)
            typed = precisions.typed(job.model, precision, keep) if precision != "f32" else job.model
            timing = self.cache.timing(self.key)
            with runtime.current():
                made = build(
                    typed,
                    trt=trt,
                    batch=job.batch,
                    lean=self.key.lean,
                    timing=timing,
                    free=free,
                    step=self.step,
                )
            self.cache.keep_timing(self.key, made.timing)
            network = TensorRtNetwork(
                made.engine, runtime, trt=trt, sizes=batch_sizes(job.batch), precision=precision
            )
            with closing(network):
                found = _outputs(network, job, runtime)
            refusal = refused(truth, found, precision)
            if not refusal:
                details = {"seconds": round(made.seconds, 1), "precision": precision, "asked": job.precision}
                return made.engine, {**details, "kept": sorted(keep), "difference": differences(truth, found)}
        raise DeviceError(f"TensorRT's results differ from the CPU's ({refusal})")


def stored_notices(stored: Stored, job: Job) -> list[str]:
    """What to tell of an engine: that it was built, and what is not computed as asked."""
    told, details = [], stored.details
    if stored.built:
        told.append(
            f"{job.name}: TensorRT engine built in {details.get('seconds', 0)} s and kept for next time"
        )
    if details.get("precision", job.precision) != job.precision:
        told.append(f"{job.name}: computed in float32; {job.precision} differed too much")
    elif details.get("kept"):
        told.append(
            f"{job.name}: {len(details['kept'])} layers are too large for {job.precision} and stay in float32"
        )
    return told


def cpu_outputs(job: Job) -> Outputs:
    """What OpenVINO computes for the probes in float32."""
    import openvino as ov

    core = ov.Core()
    try:
        network = core.read_model(job.model.SerializeToString())
        results = core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(job.probes)
    except RuntimeError as error:
        raise ModelError(f"{job.name}: OpenVINO cannot run it: {_line(error)}") from error
    names = [value.name for value in job.model.graph.output]
    return {name: np.array(results[name], np.float32) for name in names}


def _outputs(network: DeviceNetwork, job: Job, runtime: Runtime) -> Outputs:
    """What the network computes for the probes, run in its largest batch too, so that all memory is taken."""
    probes, most = job.probes, network.sizes[-1]
    stream = runtime.stream()
    repeated = np.concatenate([probes] * -(-max(most, len(probes)) // len(probes)))
    found = run_on_host(network, repeated, runtime, stream)
    return {name: value[: len(probes)] for name, value in found.items()}


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _line(error: BaseException) -> str:
    if isinstance(error, FastswapError):
        return str(error)
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
