"""The model file's contract: what is written is read back, and every file that breaks it is named and refused."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto

from fastswap.errors import ModelError, OutputError
from fastswap.model import CONTRACT_VERSION, MAX_BYTES, Contract, load_contract, model_hash, save_model
from generators import write_generator

FULL = Contract(
    resolution=64,
    subject="Anna Ünlü",
    consent="signed on paper, 3 May",
    template="arcface_128",
    coverage=1.25,
    training={"preset": "tiny", "steps": 12, "losses": {"total": 0.25}, "ok": True},
    created="2026-05-03T10:00:00+00:00",
    license="CC-BY-4.0",
    notes="line one\nline two",
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A good model file that a test may damage."""
    return write_generator(tmp_path / "model.onnx")


def edit(path: Path, change: object) -> None:
    """Loads the file, lets `change` alter it, and writes it back without any check."""
    proto = onnx.load(str(path))
    change(proto)  # type: ignore[operator]
    path.write_bytes(proto.SerializeToString())


def set_metadata(path: Path, key: str, value: str | None) -> None:
    def change(proto: onnx.ModelProto) -> None:
        kept = [entry for entry in proto.metadata_props if entry.key != key]
        del proto.metadata_props[:]
        proto.metadata_props.extend(kept)
        if value is not None:
            entry = proto.metadata_props.add()
            entry.key, entry.value = key, value

    edit(path, change)


def refused(path: Path) -> str:
    """The one line that names the file."""
    with pytest.raises(ModelError) as caught:
        load_contract(path)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text
    return text


def test_what_is_written_is_read_back(model: Path) -> None:
    save_model(onnx.load(str(model)), FULL, model)
    assert load_contract(model) == FULL
    assert load_contract(str(model)) == FULL


def test_saving_again_replaces_the_contract_and_keeps_other_metadata(model: Path) -> None:
    set_metadata(model, "author", "someone")
    save_model(onnx.load(str(model)), FULL, model)
    save_model(onnx.load(str(model)), replace(FULL, subject="Bo"), model)
    proto = onnx.load(str(model))
    keys = [entry.key for entry in proto.metadata_props]
    assert len(keys) == len(set(keys))
    assert "author" in keys
    assert load_contract(model).subject == "Bo"
    assert list(model.parent.iterdir()) == [model]


def test_a_file_that_cannot_be_written_is_one_line(model: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="nowhere"):
        save_model(onnx.load(str(model)), FULL, tmp_path / "nowhere" / "model.onnx")


def test_the_default_crop_is_the_whole_face(model: Path) -> None:
    contract = load_contract(model)
    assert (contract.template, contract.coverage) == ("dfl_whole_face", 1.0)


def test_the_hash_is_sha_256_of_the_file(model: Path) -> None:
    assert model_hash(model) == hashlib.sha256(model.read_bytes()).hexdigest()
    with pytest.raises(ModelError, match=r"gone\.onnx"):
        model_hash(model.with_name("gone.onnx"))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "empty"),
        (b"plain text, no network\n", "not an ONNX file"),
        (bytes(range(256)) * 40, "not an ONNX file"),
        (b"\x08\x09", "not an ONNX file"),
    ],
)
def test_files_that_are_no_networks(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    assert complaint in refused(path)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    assert "no such" in refused(tmp_path / "gone.onnx")
    assert "not a file" in refused(tmp_path)


def test_a_truncated_file(model: Path) -> None:
    model.write_bytes(model.read_bytes()[:-40])
    refused(model)


def test_a_file_larger_than_onnx_can_be(tmp_path: Path) -> None:
    path = tmp_path / "huge.onnx"
    path.touch()
    os.truncate(path, MAX_BYTES + 1)  # a hole: it takes no space
    assert "2 GB" in refused(path)


def test_a_network_of_another_program(model: Path) -> None:
    edit(model, lambda proto: proto.metadata_props.clear())
    assert "no fastswap contract" in refused(model)


def test_a_newer_contract(model: Path) -> None:
    set_metadata(model, "fastswap.contract", str(CONTRACT_VERSION + 1))
    assert re.search(f"version {CONTRACT_VERSION + 1}.*update", refused(model))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("resolution", None),
        ("resolution", "large"),
        ("resolution", "3"),
        ("coverage", "nan"),
        ("coverage", "90"),
        ("template", "sideways"),
        ("subject", "  "),
        ("consent", None),
        ("consent", ""),
        ("training", "[1, 2]"),
        ("training", "{"),
        ("contract", "one"),
        ("contract", "0"),
    ],
)
def test_a_damaged_contract_names_the_entry(model: Path, key: str, value: str | None) -> None:
    set_metadata(model, f"fastswap.{key}", value)
    assert (key if key != "contract" else "") in refused(model)


def rename_input(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].name = "image"


def drop_mask(proto: onnx.ModelProto) -> None:
    del proto.graph.output[1]


def widen_mask(proto: onnx.ModelProto) -> None:
    proto.graph.output[1].type.tensor_type.shape.dim[1].dim_value = 3


def other_size(proto: onnx.ModelProto) -> None:
    for dim in proto.graph.input[0].type.tensor_type.shape.dim[2:]:
        dim.dim_value = 128


def half_precision(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16


def flat_output(proto: onnx.ModelProto) -> None:
    del proto.graph.output[0].type.tensor_type.shape.dim[3]


def weights_elsewhere(proto: onnx.ModelProto) -> None:
    tensor = proto.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/hostname"


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (rename_input, "'image'"),
        (drop_mask, "'mask'"),
        (widen_mask, "'mask' is [N, 3, 64, 64]; expected [N, 1, 64, 64]"),
        (other_size, "'face' is [N, 3, 128, 128]"),
        (half_precision, "'face' is not float32"),
        (flat_output, "'swap' is [N, 3, 64]"),
        (weights_elsewhere, "one file"),
    ],
)
def test_a_network_that_breaks_its_contract(model: Path, damage: object, complaint: str) -> None:
    edit(model, damage)
    assert complaint in refused(model)


@pytest.mark.parametrize("damage", [drop_mask, other_size, weights_elsewhere])
def test_such_a_network_is_not_saved_either(model: Path, damage: object, tmp_path: Path) -> None:
    proto = onnx.load(str(model))
    damage(proto)  # type: ignore[operator]
    with pytest.raises(ModelError):
        save_model(proto, FULL, tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"resolution": 0},
        {"coverage": 0.0},
        {"template": "?"},
        {"subject": ""},
        {"consent": " "},
        {"version": 99},
    ],
)
def test_a_contract_that_makes_no_sense_cannot_be_made(wrong: dict[str, object]) -> None:
    with pytest.raises(ModelError, match=next(iter(wrong))):
        replace(FULL, **wrong)  # type: ignore[arg-type]


def test_reading_a_contract_does_not_need_torch(model: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys; sys.modules['torch'] = None; import fastswap.model as m; "
        f"print(m.load_contract({str(model)!r}).resolution)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "64"
