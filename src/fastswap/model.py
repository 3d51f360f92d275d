"""The model file: a plain ONNX network whose metadata says how to align, crop and use it.

The contract lives in the file's `metadata_props` under `fastswap.*`, so nothing but the file is needed to
render. The network's own side of it: input `face` [N, 3, R, R] float32 R'G'B' 0..1; outputs `swap`
[N, 3, R, R] R'G'B' 0..1 and `mask` [N, 1, R, R] 0..1, N free or fixed, R the contract's resolution.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastswap.align import TEMPLATES
from fastswap.atomic import NO_TEXT, is_text
from fastswap.errors import ModelError, OutputError

if TYPE_CHECKING:
    from onnx import ModelProto

CONTRACT_VERSION = 1
PREFIX = "fastswap."
INPUT, SWAP, MASK = "face", "swap", "mask"
MAX_BYTES = (1 << 31) - 1
"""A protobuf message cannot be larger, so no valid single-file ONNX model is."""

_RESOLUTIONS = (16, 1024)
_COVERAGES = (0.25, 4.0)


@dataclass(frozen=True, slots=True)
class Contract:
    """What a model file says about itself.

    resolution: side R of the square crop in pixels. template: name in `align.TEMPLATES`. coverage: side of
    the crop as a multiple of the template's. subject: who the generated face shows. consent: the statement
    given at training. training: summary of it (preset, steps, losses, face counts, ...), plain JSON values.
    created: ISO 8601 time in UTC. license and notes: free text.
    """

    resolution: int
    subject: str
    consent: str
    template: str = "dfl_whole_face"
    coverage: float = 1.0
    training: Mapping[str, Any] = field(default_factory=dict)
    created: str = ""
    license: str = ""
    notes: str = ""
    version: int = CONTRACT_VERSION

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise ModelError(f"model contract: {problem}")

    def _problems(self) -> list[str]:
        found = []
        if not 1 <= self.version <= CONTRACT_VERSION:
            found.append(
                f"version {self.version} is not known here (up to {CONTRACT_VERSION}); update fastswap"
            )
        if not _RESOLUTIONS[0] <= self.resolution <= _RESOLUTIONS[1]:
            found.append("resolution {} must lie in {}..{}".format(self.resolution, *_RESOLUTIONS))
        if not (math.isfinite(self.coverage) and _COVERAGES[0] <= self.coverage <= _COVERAGES[1]):
            found.append(f"coverage {self.coverage} must lie in {_COVERAGES[0]}..{_COVERAGES[1]}")
        if self.template not in TEMPLATES:
            found.append(f"template {self.template!r} is not one of {', '.join(TEMPLATES)}")
        if not self.subject.strip():
            found.append("subject is empty")
        if not self.consent.strip():
            found.append("consent is empty")
        return found

    def to_metadata(self) -> dict[str, str]:
        """The contract as the strings that go into the file."""
        return {
            PREFIX + "contract": str(self.version),
            PREFIX + "template": self.template,
            PREFIX + "coverage": repr(float(self.coverage)),
            PREFIX + "resolution": str(self.resolution),
            PREFIX + "subject": self.subject,
            PREFIX + "consent": self.consent,
            PREFIX + "training": json.dumps(dict(self.training), sort_keys=True, ensure_ascii=False),
            PREFIX + "created": self.created,
            PREFIX + "license": self.license,
            PREFIX + "notes": self.notes,
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> Contract:
        """The inverse of `to_metadata`. Raises ModelError naming the entry that is missing or wrong."""
        text = {key.removeprefix(PREFIX): value for key, value in metadata.items() if key.startswith(PREFIX)}
        if "contract" not in text:
            raise ModelError("the file carries no fastswap contract (made by another program?)")
        version = _parse(text, "contract", int)
        if version > CONTRACT_VERSION:
            raise ModelError(
                f"its contract has version {version}, known here is up to {CONTRACT_VERSION}; update fastswap"
            )
        return cls(
            version=version,
            resolution=_parse(text, "resolution", int),
            subject=_parse(text, "subject", str),
            consent=_parse(text, "consent", str),
            template=_parse(text, "template", str),
            coverage=_parse(text, "coverage", float),
            training=_parse(text, "training", _json_object) if "training" in text else {},
            created=text.get("created", ""),
            license=text.get("license", ""),
            notes=text.get("notes", ""),
        )


def load_contract(path: str | Path) -> Contract:
    """Reads and checks the contract of a model file.

    Raises ModelError, one line that names the file, when it is missing, empty, not ONNX, too large, keeps
    weights in other files, lacks the contract, has one of a newer version, or has inputs or outputs other
    than it promises.
    """
    path = Path(path)
    model = _load_proto(path)
    try:
        contract = Contract.from_metadata({entry.key: entry.value for entry in model.metadata_props})
        check_network(model, contract.resolution)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    return contract


def describe(path: str | Path) -> dict[str, Any]:
    """What a model file says about itself, as plain values. Raises ModelError as `load_contract` does."""
    path = Path(path)
    contract = load_contract(path)
    return {"path": str(path), "sha256": model_hash(path), "bytes": path.stat().st_size, **asdict(contract)}


def save_model(model: ModelProto, contract: Contract, path: str | Path) -> None:
    """Writes the network and its contract to one ONNX file, complete or not at all.

    Raises ModelError when the network does not fit the contract, OutputError when the file cannot be written.
    """
    path = Path(path)
    check_network(model, contract.resolution)
    kept = [entry for entry in model.metadata_props if not entry.key.startswith(PREFIX)]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    for key, value in contract.to_metadata().items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(model.SerializeToString())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot write the model ({error.strerror or error})") from None


def model_hash(path: str | Path) -> str:
    """SHA-256 of the file in hexadecimal. Raises ModelError when it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot read the model ({error.strerror or error})") from None


def check_network(model: ModelProto, resolution: int) -> None:
    """Raises ModelError unless the graph's inputs and outputs are those of the native contract."""
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    outputs = {value.name: value for value in graph.output}
    if [value.name for value in inputs] != [INPUT]:
        raise ModelError(f"its inputs are {_names(inputs)}; the contract asks for one, {INPUT!r}")
    if not {SWAP, MASK} <= outputs.keys():
        raise ModelError(
            f"its outputs are {_names(graph.output)}; the contract asks for {SWAP!r} and {MASK!r}"
        )
    if any(tensor.external_data for tensor in graph.initializer):
        raise ModelError("its weights are in other files; a model has to be one file")
    for value, channels in ((inputs[0], 3), (outputs[SWAP], 3), (outputs[MASK], 1)):
        _check_tensor(value, channels, resolution)


def _check_tensor(value: Any, channels: int, resolution: int) -> None:
    """Raises ModelError unless the value is float32 [N, channels, resolution, resolution]."""
    float32 = 1  # TensorProto.FLOAT
    tensor = value.type.tensor_type
    if tensor.elem_type != float32:
        raise ModelError(f"{value.name!r} is not float32")
    dims = [dim.dim_value or dim.dim_param or "?" for dim in tensor.shape.dim]
    if len(dims) != 4 or dims[1:] != [channels, resolution, resolution]:
        shape = ", ".join(str(dim) for dim in dims)
        raise ModelError(f"{value.name!r} is [{shape}]; expected [N, {channels}, {resolution}, {resolution}]")


def _load_proto(path: Path) -> ModelProto:
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ModelError(f"{path}: not a file; a model is one ONNX file")
        if not is_text(path):
            raise ModelError(f"{path}: {NO_TEXT}")
        if size == 0:
            raise ModelError(f"{path}: the file is empty")
        if size > MAX_BYTES:
            raise ModelError(f"{path}: {size / 1e9:.1f} GB is more than an ONNX file can hold (2 GB)")
        model = onnx.load_model_from_string(path.read_bytes())
    except FileNotFoundError:
        raise ModelError(f"{path}: no such model file") from None
    except OSError as error:
        raise ModelError(f"{path}: cannot read the model ({error.strerror or error})") from None
    except (DecodeError, ValueError, RuntimeError):
        raise ModelError(f"{path}: not an ONNX file, or damaged") from None
    if not model.ir_version or not model.graph.node:
        raise ModelError(f"{path}: not an ONNX file, or damaged")
    return model


def _parse(text: Mapping[str, str], key: str, kind: Any) -> Any:
    if key not in text:
        raise ModelError(f"its contract lacks {PREFIX}{key}")
    try:
        return kind(text[key])
    except ValueError:
        raise ModelError(
            f"its contract has {PREFIX}{key} = {text[key][:40]!r}, which makes no sense"
        ) from None


def _json_object(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _names(values: Any) -> str:
    return ", ".join(repr(value.name) for value in values) or "none"
