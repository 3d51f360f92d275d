"""A render from standard input to standard output: frames go through as they come, nothing is kept."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastswap import provenance
from fastswap.analysis import analyse
from fastswap.cast import Models, parse_cast
from fastswap.choice import Choice
from fastswap.device import open_device
from fastswap.errors import FastswapError, OutputError, SettingsError
from fastswap.flow import Clock
from fastswap.frame import Frame
from fastswap.look import Look
from fastswap.model import model_hash
from fastswap.progress import ProgressCallback
from fastswap.provenance.manifest import COMPOSITE, ModelRecord, Origin
from fastswap.report import Report
from fastswap.stages import Stages
from fastswap.swap import FaceSwap, chain_swaps
from fastswap.video.pipes import STDIN, STDOUT, PipeReader, PipeSink, form_of


def render_pipe(
    source: int = 0,
    output: int = 1,
    *,
    model: Models,
    device: str = "auto",
    engine: str = "auto",
    look: Look | None = None,
    mask_file: str | Path | None = None,
    select: str = "all",
    container: str | None = None,
    encoder: str | None = None,
    encoder_options: Mapping[str, str] | None = None,
    deinterlace: bool | None = None,
    batch: int = 0,
    threads: int = 0,
    manifest: str | Path | None = None,
    certificate: str | Path | None = None,
    private_key: str | Path | None = None,
    progress: ProgressCallback | None = None,
) -> Report:
    """Puts the model's face on the faces of a video that comes through one pipe and leaves through another.

    source, output: file descriptors. container: "y4m" or "nut", None takes the input's. encoder: raw video unless a NUT
    pipe is to carry something else. manifest: where the C2PA manifest goes, since no pipe carries one; default
    `fastswap-HASH.c2pa` in this folder, HASH being the first 12 digits of the output's SHA-256. It binds to the bytes
    that were written: beside a file with these bytes, as `FILE.c2pa`, it verifies. The other arguments are those of
    `fastswap.render`; a selection that needs the whole video ("at:...") is refused.

    Memory does not grow with the length of the video. When the reader of the output goes away, what was written until
    then is signed and OutputError is raised. Raises what `fastswap.render` raises.
    """
    cast = parse_cast(model, select)
    if any(role.selection.needs_full_analysis for role in cast):
        raise SettingsError(
            "a pipe is seen once, from the first frame to the last: select at:... needs a file"
        )
    begin, look = time.perf_counter(), look or Look()
    certificate, private_key = (None if p is None else Path(p) for p in (certificate, private_key))
    provenance.check_credential(certificate, private_key)
    models = [role.model for role in cast]
    report = Report(input=str(STDIN), output=str(STDOUT), model=", ".join(map(str, models)))
    with ExitStack() as held:
        place = held.enter_context(closing(open_device(device, engine)))
        swaps = [
            held.enter_context(
                closing(place.swap(path, look=look, batch=batch or place.batch, threads=threads))
            ).masked_with(mask_file)
            for path in models
        ]
        records = [_record(path, swap) for path, swap in zip(models, swaps, strict=True)]
        reader = held.enter_context(closing(PipeReader(source, deinterlace=deinterlace)))
        tags = {"synthetic": COMPOSITE, "synthetic_subject": ", ".join(r.subject for r in records)}
        form = form_of(reader, container)
        sink = PipeSink(output, form, reader, encoder, encoder_options, tags)
        stages, choice = Stages(), Choice([role.selection for role in cast], report)
        tick = Clock(None, stages, progress).tick
        failure: FastswapError | None = None
        try:
            with stages, ExitStack() as ending:
                ending.callback(reader.flow.stop)  # a source that stalls must not keep the stages from ending
                frames = stages.thread("decode", place.arrive(reader))
                analysed = stages.thread("analyse", analyse(frames, place.models()))
                works = (choice(found).work(frame) for frame, found in analysed)
                for _ in stages.timed(
                    "encode", _written(sink, place.leave(chain_swaps(stages, swaps, works)))
                ):
                    report.frames += 1
                    tick(report)
            sink.close()
        except FastswapError as error:
            failure = error
            sink.abort()
        except BrokenPipeError:
            failure = OutputError(f"{STDOUT}: whoever reads it went away after {report.frames} frames")
            sink.abort()
        if sink.flow.size:
            origin = Origin(str(STDIN), reader.flow.sha256())
            extra = {
                "stream": {"bytes": sink.flow.size, "frames": report.frames, "complete": failure is None}
            }
            settings = {"look": asdict(look), "engine": swaps[0].engine.name, "container": form}
            report.provenance = _sign(
                manifest, sink.flow.digest(), origin, records, settings, extra, certificate, private_key
            )
        if failure is not None:
            raise failure
        report.notices += [*reader.notices, *sink.notices, *place.notices]
        report.device, report.engine = place.name, f"{swaps[0].engine.name}, {swaps[0].engine.precision}"
    report.finish(time.perf_counter() - begin, stages.busy)
    return report


def _written(sink: PipeSink, frames: Iterable[Frame]) -> Iterator[None]:
    for frame in frames:
        try:
            sink.write(frame)
        except OutputError as error:
            if isinstance(error.__cause__, BrokenPipeError):
                raise error.__cause__ from None
            raise
        yield


def _record(path: Path, swap: FaceSwap) -> ModelRecord:
    contract = swap.contract
    return ModelRecord(path.name, model_hash(path), contract.subject, contract.consent)


def _sign(
    manifest: str | Path | None,
    digest: bytes,
    origin: Origin,
    models: Sequence[ModelRecord],
    settings: Mapping[str, Any],
    extra: Mapping[str, Any],
    certificate: Path | None,
    private_key: Path | None,
) -> dict[str, object]:
    path = Path(manifest) if manifest else Path(f"fastswap-{digest.hex()[:12]}.c2pa")
    signed = provenance.sign_stream(
        path,
        digest,
        title=path.name.removesuffix(".c2pa"),
        source=origin,
        models=models,
        settings=settings,
        extra=extra,
        certificate=certificate,
        private_key=private_key,
    )
    return {"files": 1, "sidecars": [str(path)], "by": signed.signed_by, "self_made": signed.self_made}


def standard_output() -> int:
    """A descriptor of standard output for video alone: whatever else is printed goes to standard error from now on."""
    kept = os.dup(1)
    os.dup2(2, 1)
    return kept
