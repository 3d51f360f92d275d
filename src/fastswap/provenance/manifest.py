"""What a manifest says: the actions, the ingredients and fastswap's own record.

Terms and labels follow the C2PA Technical Specification 2.x; the digital source types are IPTC's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fastswap

RECORD_LABEL = "org.fastswap.render"
RECORD_VERSION = 1
INPUT_LABEL, MODEL_LABEL = "input", "model"
ACTIONS_LABEL = "c2pa.actions.v2"

_IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
COMPOSITE = _IPTC + "compositeWithTrainedAlgorithmicMedia"
ALGORITHMIC = _IPTC + "algorithmicMedia"


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """The generator that made the new face.

    name: its file name. sha256: of the file, hexadecimal. subject: whose face it shows. consent: the statement given
    at training.
    """

    name: str
    sha256: str
    subject: str
    consent: str


@dataclass(frozen=True, slots=True)
class Origin:
    """The input that was changed. sha256: of the file; of a folder's names and hashes for a folder of pictures."""

    name: str
    sha256: str

    def ingredient(self) -> dict[str, Any]:
        """The ingredient that was opened."""
        return {
            "title": self.name,
            "relationship": "parentOf",
            "label": INPUT_LABEL,
            "description": f"SHA-256 {self.sha256}",
        }


@dataclass(frozen=True, slots=True)
class Statement:
    """All that one manifest says, except what binds it to its file.

    title: name of the file. when: ISO 8601, UTC, by this machine's clock. settings: plain JSON values. extra: more
    entries of the record. others: further models that put other faces in.
    """

    title: str
    when: str
    origin: Origin | None
    model: ModelRecord | None
    settings: Mapping[str, Any]
    extra: Mapping[str, Any]
    others: Sequence[ModelRecord] = ()

    @property
    def models(self) -> list[ModelRecord]:
        """All of them."""
        return [self.model, *self.others] if self.model else []

    def definition(self, binding: Mapping[str, Any] | None) -> dict[str, Any]:
        """The manifest as the C2PA library takes it; `binding` is the hash assertion if that is known already."""
        assertions = [
            {
                "label": ACTIONS_LABEL,
                "data": {"actions": self._actions(), "allActionsIncluded": True},
                "created": True,
            },
            {"label": RECORD_LABEL, "data": self.record(), "created": True},
        ]
        if binding is not None:
            assertions.append(dict(binding))
        return {
            "claim_generator_info": [_software()],
            "title": self.title,
            "ingredients": [
                _model_ingredient(model, label)
                for model, label in zip(self.models, self._model_labels(), strict=True)
            ],
            "assertions": assertions,
        }

    def record(self) -> dict[str, Any]:
        """fastswap's own assertion: what, from what, with what, with whose consent."""
        record: dict[str, Any] = {
            "version": RECORD_VERSION,
            "software": _software(),
            "made": self.when,
            "settings": plain(self.settings),
            **plain(self.extra),
        }
        if self.origin:
            record["input"] = {"name": self.origin.name, "sha256": self.origin.sha256}
        if self.model:
            record["model"] = {
                "name": self.model.name,
                "sha256": self.model.sha256,
                "subject": self.model.subject,
            }
            record["consent"] = {"subject": self.model.subject, "statement": self.model.consent}
        if self.others:
            record["more_models"] = [
                {"name": m.name, "sha256": m.sha256, "subject": m.subject, "consent": m.consent}
                for m in self.others
            ]
        return record

    def _model_labels(self) -> list[str]:
        return [f"{MODEL_LABEL}{number if number > 1 else ''}" for number in range(1, len(self.models) + 1)]

    def _actions(self) -> list[dict[str, Any]]:
        used = {"parameters": {"ingredientIds": self._model_labels()}} if self.model else {}
        common = {"when": self.when, "softwareAgent": _software()}
        if self.origin is None:
            kind = COMPOSITE if self.model else ALGORITHMIC
            return [{"action": "c2pa.created", "digitalSourceType": kind, **common, **used}]
        opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": [INPUT_LABEL]}, **common}
        edited = {"action": "c2pa.edited", "description": self._words(), **common, **used}
        if self.model:
            edited["digitalSourceType"] = COMPOSITE
        return [opened, edited]

    def _words(self) -> str:
        if self.model is None:
            return "Changed without a trained model."
        if self.others:
            who = ", ".join(model.subject for model in self.models)
            return f"Trained models put the faces of {who} in place of faces in the input."
        return f"A trained model put the face of {self.model.subject} in place of a face in the input."


def now() -> str:
    """The time for a manifest: UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def plain(value: Any) -> Any:
    """Settings as JSON values: paths by their names alone, NumPy's numbers as Python's, anything unknown as text."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Path):
        return (
            value.name
        )  # a manifest travels with the file: it must not tell where on this machine it was made
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no such numbers
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return [plain(item) for item in value]
    return plain(value.item()) if hasattr(value, "item") else str(value)


def _software() -> dict[str, str]:
    return {"name": "fastswap", "version": fastswap.__version__}


def _model_ingredient(model: ModelRecord, label: str) -> dict[str, Any]:
    return {
        "title": model.name,
        "format": "application/octet-stream",
        "relationship": "inputTo",
        "label": label,
        "data_types": [{"type": "c2pa.types.model.onnx"}],
        "description": f"SHA-256 {model.sha256}; shows {model.subject}; consent: {model.consent}",
    }
