"""The whole flow, top to bottom: read, analyse, generate, composite, write, sign.

Every stage runs in a thread of its own; the native parts release the GIL, so they overlap. Bounded queues between
them keep memory independent of the video's length.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path

from fastswap import provenance, video
from fastswap.analysis import Analysis
from fastswap.atomic import Staging
from fastswap.cast import Models, parse_cast, resolve
from fastswap.cluster.files import check_way
from fastswap.device import Device, open_device
from fastswap.device.choice import names_of
from fastswap.errors import SettingsError
from fastswap.flow import Clock, Flow
from fastswap.look import Look
from fastswap.model import model_hash
from fastswap.page import Page
from fastswap.progress import ProgressCallback
from fastswap.report import Report
from fastswap.segments.faces import Unsuited
from fastswap.segments.render import Job, open_workspace
from fastswap.segments.render import render as render_segments
from fastswap.segments.task import Recipe
from fastswap.segments.workspace import Workspace
from fastswap.sides import Sides
from fastswap.stages import Stages
from fastswap.swap import FaceSwap
from fastswap.trim import parse_trim

CONTEXT = 24
"""Frames before and after a part that are analysed with it: the detector has run twice, the smoother looks to both
sides."""
_GRAY = ("gray", "mono", "ya")
"""How FFmpeg's names of formats without colour begin."""


def render(
    source: str | Path,
    output: str | Path,
    *,
    model: Models,
    device: str = "auto",
    engine: str = "auto",
    look: Look | None = None,
    mask_file: str | Path | None = None,
    select: str = "all",
    recogniser: str | Path | None = None,
    encoder: str | None = None,
    encoder_options: Mapping[str, str] | None = None,
    start: str | float | None = None,
    end: str | float | None = None,
    deinterlace: bool | None = None,
    matte: str | Path | None = None,
    layer: str | Path | None = None,
    report_page: str | Path | None = None,
    analysis: str | Path | None = None,
    batch: int = 0,
    threads: int = 0,
    parallel: int = 0,
    cluster: str | None = None,
    cluster_files: str = "auto",
    certificate: str | Path | None = None,
    private_key: str | Path | None = None,
    progress: ProgressCallback | None = None,
) -> Report:
    """Puts the model's face on the selected faces of a video, a picture or a folder of pictures.

    source, output: files, or folders of pictures; the output's suffix chooses the container. It is complete and
    signed, or absent. model: one for all selected faces, or several by selection, as in {"track:0": "anna.onnx",
    "track:1": "bo.onnx"}: a face goes to the first that wants it. device: "auto", "cpu", "cuda" or "cuda:N"; engine:
    "auto", "openvino", "tensorrt" or "torch", see `device.open_device`. mask_file: a picture, video or folder of
    pictures, white where new faces may show, see `mask_file.MaskFile`. select: "all", "largest", "track:N" or
    "at:SECONDS,X,Y" (display pixels), or "ref:PICTURE" with a recogniser, an ONNX file (see `match`). encoder,
    encoder_options: FFmpeg's names, or a preset of `video.presets`. start, end: the part to render, see `trim`; the
    output then begins at 0. deinterlace: True makes interlaced video progressive, False takes its frames as they
    are, None refuses it. matte, layer: side outputs, how much of the new faces shows and the new faces alone with
    alpha; see `sides`. report_page: an .html file that shows what was done, see `page`. analysis: the sidecar with
    the faces, reused when it fits the input and written when it does not; default `sidecar.default_path(source)`.
    batch: faces in one run of the network, 0 chooses. threads: CPU threads of the network and the native
    operations, 0 takes all. parallel: processes that render segments, with the same bytes out; 0 is this one alone,
    or as many as a cluster has room for. cluster: "auto" or the address of a Ray cluster whose workers render them,
    see `cluster`; cluster_files: how the input gets there, "auto", "shared" or "store". certificate, private_key:
    PEM files to sign with in place of the local certificate.

    Raises SettingsError, InputError, OutputError, ModelError, WeightsError, DeviceError or ProvenanceError, each with
    one line that names what is wrong.
    """
    source, output, look = Path(source), Path(output), look or Look()
    cast = parse_cast(model, select, recogniser)
    models = tuple(role.model for role in cast)
    parallel = _processes(batch, threads, parallel, device, cluster, cluster_files)
    settings = {
        "device": device,
        "engine": engine,
        "select": select,
        "encoder": encoder or "chosen by the container",
        "encoder options": dict(encoder_options or {}),
        "start": start,
        "end": end,
        "batch": batch,
        "threads": threads,
        "mask file": str(mask_file) if mask_file else None,
        **asdict(look),
    }
    begin = time.perf_counter()
    report = Report(input=str(source), output=str(output), model=", ".join(map(str, models)))
    certificate, private_key = _optional(certificate), _optional(private_key)
    provenance.check_credential(certificate, private_key)
    info, margin = video.probe(source, deinterlace=bool(deinterlace)), look.reach * len(models)
    window = _window(start, end, info, margin)
    spans = video.cut(info, window)
    total = window.count if window else info.frames or (spans[-1].end if spans[-1].timed else None)
    place, device = _open(device, engine, report, info, paged=report_page is not None)
    with ExitStack() as held:
        held.callback(place.close)
        staging = held.enter_context(Staging(source, output))
        size, flowing = _batch_size(info, batch, place), info.kind != "image"
        swaps = [
            held.enter_context(
                closing(place.swap(path, look=look, batch=size, threads=threads, flowing=flowing))
            ).masked_with(mask_file)
            for path in models
        ]
        sides = held.enter_context(
            Sides(swaps, info, output, matte=_optional(matte), layer=_optional(layer), window=window)
        )
        first = window.first if window else 0
        page = held.enter_context(
            Page(swaps, info, _optional(report_page), [output, *sides.paths], first, total)
        )
        known = Analysis(info, _optional(analysis), window, deinterlace, place)
        selections = resolve(cast, known, recogniser, progress)
        stages = Stages()
        clock = Clock(total, stages, progress)
        target = video.Target(
            staging.path, output, encoder, encoder_options, report.notices, window, place.gpu
        )
        flow = Flow(target, place, swaps, known, selections, report, stages, margin, clock.tick, sides, page)
        work: Workspace | None = None
        if len(spans) > 1:
            recipe = Recipe(
                source, output, models, device, look, size, threads, video.prepare(target, info), deinterlace,
                engine, window, _optional(mask_file), sides.outputs, page.spread,
            )  # fmt: skip
            job = Job(recipe, info, spans, parallel, cluster, cluster_files)
            work = held.enter_context(open_workspace(job, flow))
        if (parallel > 1 or cluster) and sum(span.wanted for span in spans) < 2:
            why = "it is too short to be cut, or its key frames and time stamps do not allow it"
            report.notices.append(f"{source}: rendered by one process: {why}")
        if work is None or not _in_segments(flow, job, work):
            flow.in_one_pass()

        def sign(path: Path) -> dict[str, object]:
            return _sign(path, source, models, swaps, look, certificate, private_key, clock)

        report.provenance = sign(staging.path)
        report.notices += sides.finish(sign)
        _tell(report, swaps[0], known, place)
        report.finish(time.perf_counter() - begin, stages.busy)
        page.finish(report, settings, sign)
        sides.publish()
        page.publish()
        staging.publish()
        if work:
            work.remove()
    return report


def _in_segments(flow: Flow, job: Job, work: Workspace) -> bool:
    """False when the input turns out not to keep what its time stamps promise: it cannot be cut."""
    report = flow.report
    report.segments = len(job.wanted)
    report.notices += work.notices
    try:
        render_segments(job, work, flow)
    except Unsuited as reason:
        report.frames = report.swapped = report.faces = report.resumed = 0
        report.segments, report.skipped = 1, Counter()
        report.notices.append(f"{job.recipe.source}: rendered in one piece: {reason}")
        work.remove()
        return False
    return True


def _processes(
    batch: int, threads: int, parallel: int, device: str, cluster: str | None, cluster_files: str
) -> int:
    """How many processes render: what was asked for, one for each GPU at least."""
    check_way(cluster_files)
    if cluster == "":
        raise SettingsError("cluster is empty; name an address, or auto")
    if batch < 0 or threads < 0:
        raise SettingsError("batch and threads must not be negative")
    if parallel < 0:
        raise SettingsError(f"parallel is {parallel}; it must not be negative")
    gpus = len(names_of(device))
    return max(parallel, gpus) if gpus > 1 else parallel


def _window(
    start: str | float | None, end: str | float | None, info: video.VideoInfo, margin: int
) -> video.Window | None:
    trim = parse_trim(start, end)
    return video.window_of(trim, info, max(margin, CONTEXT)) if trim else None


def _open(
    device: str, engine: str, report: Report, info: video.VideoInfo, *, paged: bool
) -> tuple[Device, str]:
    """The device and its name for other processes; the CPU in place of a GPU for what only it can do."""
    place = open_device(device, engine)
    why = ["a report page shows frames as they were before"] if paged else []
    if info.pixel_format.startswith(_GRAY):
        why.append("the GPU takes no gray pictures")
    if why and place.name != "cpu":
        place.close()
        place = open_device("cpu", engine if engine in ("auto", "torch") else "auto")
        report.notices.append(f"rendered on the CPU: {'; '.join(why)}")
        device = "cpu"
    return place, device


def _batch_size(info: video.VideoInfo, asked: int, place: Device) -> int:
    """A single picture has no use for a batch."""
    return asked or (1 if info.kind == "image" else place.batch)


def _optional(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)


def _tell(report: Report, swap: FaceSwap, known: Analysis, place: Device) -> None:
    report.device = place.name
    report.notices += [notice for notice in place.notices if notice not in report.notices]
    report.engine = f"{swap.engine.name}, {swap.engine.precision}, batch {swap.engine.batch}"
    report.analysis, report.analysis_reused = (str(known.path) if known.path else None), known.reused
    if known.notice:
        report.notices.append(known.notice)
    if not report.faces:
        why = ", ".join(f"{reason} in {count} frames" for reason, count in report.skipped.items())
        report.notices.append(f"{report.input}: nothing was swapped: {why}")


def _sign(
    path: Path,
    source: Path,
    models: Sequence[Path],
    swaps: Sequence[FaceSwap],
    look: Look,
    certificate: Path | None,
    private_key: Path | None,
    clock: Clock,
) -> dict[str, object]:
    record, *others = (
        provenance.ModelRecord(
            name=model.name,
            sha256=model_hash(model),
            subject=swap.contract.subject,
            consent=swap.contract.consent,
        )
        for model, swap in zip(models, swaps, strict=True)
    )
    engine = swaps[0].engine
    signed = provenance.sign(
        path,
        source=source,
        model=record,
        others=others,
        settings={"look": asdict(look), "engine": engine.name, "precision": engine.precision},
        certificate=certificate,
        private_key=private_key,
        progress=lambda done, total: clock.signed(path.name, done, total),
    )
    beside = [sidecar.name for sidecar in signed.sidecars]
    return {"files": signed.files, "sidecars": beside, "by": signed.signed_by, "self_made": signed.self_made}
