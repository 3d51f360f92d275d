"""Renders segments on the workers of a Ray cluster. A worker or a machine that is lost costs the segments it had."""

from __future__ import annotations

import os
import socket
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from fastswap import __version__
from fastswap.atomic import sync
from fastswap.cluster.files import Token, absolute, files_of, moved, pack, unpack
from fastswap.errors import DeviceError, SettingsError
from fastswap.segments.pool import TRIES, Feed, Finished
from fastswap.segments.task import Recipe, SegmentRenderer, Task

CPUS_EACH = 4
"""CPU cores of one worker where neither `threads` nor `parallel` says; fewer on smaller machines."""
_POLL_S = 0.2
_ANSWER_S = 20.0
"""How long to wait for the head of a cluster to take a connection, and to answer."""
_SETTINGS = b"\x04"
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + _SETTINGS + bytes(5)
"""HTTP/2's first bytes, and a frame of settings that has none."""


class Renderer:
    """What runs on a worker."""

    def __init__(self, token: Token) -> None:
        self._token = token
        self._folder = tempfile.TemporaryDirectory(prefix="fastswap-")
        self._shared = True

    def place(self) -> tuple[str, int, bool]:
        """The address of its machine, its process there, and whether it shares the head's file system."""
        import ray

        node: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
        return node, os.getpid(), self._token.is_seen()

    def prepare(self, recipe: Recipe, sent: list[list[Any]] | None) -> tuple[str, list[str]]:
        """Makes ready for a recipe, with files from the object store if they were sent; the version and the engines."""
        import ray

        if sent is not None:
            self._shared, recipe = False, moved(recipe, Path(self._folder.name))
            for path, parts in zip(files_of(recipe), sent, strict=True):
                unpack(parts, ray.get, path)
        self._renderer = SegmentRenderer(recipe)
        return __version__, self._renderer.engines

    def render(self, task: Task, made: Path) -> tuple[dict[str, Any], list[str], bytes | None]:
        """The record, what the user should know, and the file itself unless it is at `made` already."""
        target = made if self._shared else Path(self._folder.name) / "segment"
        record = self._renderer.render(task, target)
        data = None if self._shared else target.read_bytes()
        return record, self._renderer.notices, data


class ClusterPool:
    """The workers of one output, as `segments.pool.Pool` has them.

    address: "auto" for the cluster that this machine belongs to, or one of its own where there is none; else Ray's
    address. count: workers, 0 as many as there is room for. way: see `files`. Raises DeviceError when Ray is missing or
    cannot be reached.
    """

    def __init__(
        self,
        recipe: Recipe,
        address: str,
        count: int,
        partial: Callable[[int], Path],
        way: str,
        engines: Sequence[str],
    ) -> None:
        self._ray = connect(address)
        self._partial, self._engines, self._way = partial, list(engines), way
        self._recipe = absolute(recipe)
        self.lost = 0
        self.started: list[tuple[str, int]] = []  # address and process of each worker, the lost ones too
        self._token = Token(partial(0).parent.absolute())
        self._sent: list[list[Any]] | None = None
        self._options, self._count = self._room(count)
        self._actors: list[Any] = []
        self._again: deque[Task] = deque()
        self._begun: dict[int, int] = {}

    def __enter__(self) -> ClusterPool:
        self._actors = [self._start() for _ in range(self._count)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for actor in self._actors:
            with suppress(Exception):  # it may be gone
                self._ray.kill(actor)
        self._token.remove()
        self._ray.shutdown()

    @property
    def nodes(self) -> int:
        """Machines of the cluster."""
        return sum(bool(node["Alive"]) for node in self._ray.nodes())

    def run(self, tasks: Iterable[Task]) -> Iterator[Finished]:
        """Renders all tasks; gives them back in the order in which they are finished."""
        busy: dict[Any, tuple[Any, Task, Path]] = {}
        idle = deque(self._actors)
        with Feed(tasks, self._count) as feed:
            while True:
                while idle and (task := self._again.popleft() if self._again else feed.take()) is not None:
                    actor, made = idle.popleft(), self._made(task)
                    self._begun[task.span.number] = self._begun.get(task.span.number, 0) + 1
                    busy[actor.render.remote(task, made)] = actor, task, made
                if not busy and not self._again and feed.is_over():
                    return
                ready, _ = self._ray.wait(list(busy), timeout=_POLL_S) if busy else ([], [])
                if not busy:
                    feed.wait(_POLL_S)
                for reference in ready:
                    actor, task, made = busy.pop(reference)
                    try:
                        record, notices, data = self._ray.get(reference)
                    except self._ray.exceptions.RayActorError as error:
                        actor = self._replace(actor, task, error)
                    except self._ray.exceptions.RayTaskError as error:
                        raise error.cause or error from None
                    else:
                        if data is not None:
                            made.write_bytes(data)
                            sync(made)
                        yield task, made, record, notices
                    idle.append(actor)

    def _made(self, task: Task) -> Path:
        """A place of its own for each try: a machine that was given up may still write to its one."""
        path = self._partial(task.span.number).absolute()
        return path.with_name(f"{path.name}.{self._begun.get(task.span.number, 0)}.partial")

    def _replace(self, dead: Any, task: Task, error: Exception) -> Any:
        self.lost += 1
        if self._begun[task.span.number] >= TRIES:
            raise DeviceError(
                f"{self._recipe.source}: {TRIES} workers were lost over segment {task.span.number} ({_words(error)})"
            ) from error
        self._again.append(task)
        self._actors.remove(dead)
        self._actors.append(self._start())
        return self._actors[-1]

    def _start(self) -> Any:
        ray = self._ray
        actor = ray.remote(**self._options)(Renderer).remote(self._token)
        try:
            node, process, shared = ray.get(actor.place.remote())
            self.started.append((node, process))
            if self._way == "shared" and not shared:
                raise DeviceError(
                    f"the worker on {node} does not see {self._token.path.parent}: share it, or --cluster-files store"
                )
            sent = None if shared and self._way != "store" else self._files()
            version, engines = ray.get(actor.prepare.remote(self._recipe, sent))
        except ray.exceptions.RayTaskError as error:
            raise error.cause or error from None
        except ray.exceptions.RayActorError as error:
            raise DeviceError(f"a worker of the cluster did not start: {_words(error)}") from error
        if version != __version__:
            raise DeviceError(f"{node} has fastswap {version}, this machine {__version__}")
        if engines != self._engines:
            raise DeviceError(
                f"{node} computes with {', '.join(engines)}, this machine with {', '.join(self._engines)}: "
                "the bytes would not be the same"
            )
        return actor

    def _files(self) -> list[list[Any]]:
        """The input, the models and the mask file in the object store, put there once."""
        if self._sent is None:
            self._sent = [pack(path, self._ray.put) for path in files_of(self._recipe)]
        return self._sent

    def _room(self, count: int) -> tuple[dict[str, Any], int]:
        """What each worker asks Ray for, and how many there are."""
        there = self._ray.cluster_resources()
        cores, gpus = int(there.get("CPU", 1)), int(there.get("GPU", 0))
        if self._recipe.device.startswith("cuda") or (self._recipe.device == "auto" and gpus):
            self._recipe = replace(self._recipe, device="cuda")
            number = count or gpus
            if number > gpus:
                raise SettingsError(f"parallel is {number}, but the cluster has {gpus} GPUs")
            return {
                "num_gpus": 1,
                "num_cpus": max(1, min(CPUS_EACH, cores // number)),
                "max_restarts": 0,
            }, number
        each = self._recipe.threads or (max(1, cores // count) if count else min(CPUS_EACH, cores))
        number = count or max(1, cores // each)
        self._recipe = replace(self._recipe, threads=each)
        # More workers than cores are allowed when they are asked for: Ray's cores are only counted.
        share = each if number * each <= cores else cores / number
        return {"num_cpus": share if share < 1 else int(share), "max_restarts": 0}, number


def connect(address: str) -> Any:
    """Ray, connected. Raises DeviceError."""
    if address != "auto":
        _show_token()
    try:
        import ray
    except ImportError as error:
        raise DeviceError("--cluster needs Ray: pip install 'fastswap[cluster]'") from error
    _check_answers(os.environ.get("RAY_ADDRESS", address) if address == "auto" else address)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "namespace": "fastswap"}
    try:
        if ray.is_initialized():
            return ray
        if address == "auto":
            try:
                ray.init(address="auto", **quiet)
            except ConnectionError:  # this machine belongs to no cluster: it becomes one
                ray.init(include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except Exception as error:  # a bare one is what Ray raises when it did not start within 30 seconds
        raise DeviceError(f"cluster {address!r} cannot be reached: {_words(error)}") from error
    return ray


def _show_token() -> None:
    """Lets Ray show the token that it finds; to be called before Ray is imported.

    By itself it does so only where it looks for the cluster too, and a head that wants one would refuse us for half a
    minute. A head that wants none takes it as well.
    """
    told = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
    if any(name in os.environ for name in told) or (Path.home() / ".ray" / "auth_token").exists():
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def _check_answers(address: str) -> None:
    """Raises DeviceError when nobody answers there: Ray itself would go on asking for many minutes.

    A head speaks gRPC, so it answers HTTP/2's preface with its settings (RFC 9113, section 3.4).
    """
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not colon or not port.isdigit():
        return
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_S) as link:
            if os.environ.get("RAY_USE_TLS", "0") == "0":
                link.sendall(_PREFACE)
                if link.recv(9, socket.MSG_WAITALL)[3:4] != _SETTINGS:
                    raise OSError("what answers there is no head of a Ray cluster")
    except (OSError, OverflowError) as error:
        raise DeviceError(f"cluster {address!r} cannot be reached: {_words(error)}") from error


def _words(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
