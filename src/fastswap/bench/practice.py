"""Practice footage of synthetic actors, as facesets, and the plainest "model": the source's average face."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from fastswap import actors, demo, video
from fastswap.actors.scene import Light
from fastswap.model import INPUT, MASK, SWAP, Contract, save_model
from fastswap.training.extract import extract
from fastswap.training.faceset import open_faceset
from fastswap.training.store import FaceArrays

SCENE = actors.Scene(size=(400, 320), background="room", light="studio", face_px=150.0)
KINDS = (("range", 10, 0.55), ("talk", 11, 0.25), ("free", 12, 0.2))
"""Kind, seed and share of the frames."""
FPS = 8.0
"""Of the performance: neighbouring frames then differ."""
UNEVEN_LIGHT: Light = "warm"
"""In which the source is filmed where the footage is uneven: of another colour than `SCENE`'s, from the same side, as
what a swap is to look like would be a matter of taste otherwise."""
PARTED = 0.15
"""Opening of the jaw from which uneven footage of the source shows a whole smile."""


def facesets(
    folder: Path,
    frames: int,
    people: tuple[actors.Identity, actors.Identity] = (demo.SOURCE, demo.TARGET),
    *,
    uneven: bool = False,
) -> tuple[Path, Path]:
    """Facesets of about so many frames of the source and of the target; those that are there already are taken.

    uneven: the two persons' footage differs as that of real people does. The source stands in warmer light and never
    smiles with its lips closed.
    """
    made = []
    for who, name in zip(people, ("source", "target"), strict=True):
        differs = uneven and name == "source"
        scene = replace(SCENE, light=UNEVEN_LIGHT) if differs else SCENE
        called = f"{name}-uneven" if differs else name
        out = folder / f"{called}-{frames}"
        if not (out / "faceset.jsonl").exists():
            folder.mkdir(parents=True, exist_ok=True)
            clips = []
            for kind, seed, share in KINDS:
                count = max(4, round(frames * share))
                play = actors.performance(kind, frames=count, fps=FPS, seed=seed)  # type: ignore[arg-type]
                if differs:
                    play = tuple(_smiles_open(pose) for pose in play)
                clips.append(folder / f"{called}-{kind}-{count}.mp4")
                video.write_video(clips[-1], actors.render_clip(who, play, scene), fps=25.0)
            extract(clips, out)
        made.append(open_faceset(out).folder)
    return made[0], made[1]


def _smiles_open(pose: actors.Pose) -> actors.Pose:
    return replace(pose, smile=pose.smile * min(1.0, pose.jaw / PARTED))


def average_model(faces: FaceArrays, resolution: int, path: Path) -> None:
    """A model file that pastes the mean of all source faces, aligned, whatever it is shown."""
    from onnx import TensorProto, helper, numpy_helper

    side = faces.parts[0].shape[-1]
    edge = round(side * (1.0 - 1.0 / faces.ratio) / 2.0)
    mean = np.mean(
        [part[:, :3, edge : side - edge, edge : side - edge].mean(0) for part in faces.parts], axis=0
    )
    grid = ((np.arange(resolution) + 0.5) * mean.shape[-1] / resolution).astype(int)
    face = (mean[:, grid][:, :, grid] / 255.0).astype(np.float32)[None]
    weights = {"mean": face, "none": np.zeros(1, np.float32), "one": np.ones((1, 1, 1, 1), np.float32)}
    nodes = [
        helper.make_node("Mul", [INPUT, "none"], ["empty"]),
        helper.make_node("Add", ["empty", "mean"], [SWAP]),
        helper.make_node("ReduceMean", ["empty"], ["flat"], axes=[1], keepdims=1),
        helper.make_node("Add", ["flat", "one"], [MASK]),
    ]
    size: list[str | int | None] = ["N", 3, resolution, resolution]
    graph = helper.make_graph(
        nodes,
        "average",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, size)],
        [
            helper.make_tensor_value_info(SWAP, TensorProto.FLOAT, size),
            helper.make_tensor_value_info(MASK, TensorProto.FLOAT, ["N", 1, resolution, resolution]),
        ],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    save_model(model, contract(resolution, faces.template), path)


def contract(resolution: int, template: str) -> Contract:
    """What a model of synthetic practice says about itself."""
    return Contract(
        resolution=resolution, subject="a synthetic actor", consent=demo.CONSENT, template=template
    )
