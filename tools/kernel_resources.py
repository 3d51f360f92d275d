"""What nvcc says of every kernel: registers, stack, spills and shared memory, for each architecture of a release.

    tools/kernel_resources.py                 prints the table
    tools/kernel_resources.py --write         and keeps it in cuda/RESOURCES.md
    tools/kernel_resources.py --arch 90       one architecture alone

Exits with an error when a file does not compile without warnings.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "cuda" / "RESOURCES.md"
ARCHITECTURES = ("80", "86", "89", "90", "120")
"""Those of cuda/CMakeLists.txt."""
FLAGS = (
    "-std=c++17",
    "--expt-relaxed-constexpr",
    "--Werror=all-warnings",
    "-Xcompiler=-Wall,-Wextra,-Werror",
    "-Xptxas=-v",
)


@dataclass(frozen=True)
class Resources:
    """Of one kernel on one architecture. Bytes are of a thread's stack and spills, and of a block's shared memory."""

    file: str
    kernel: str
    architecture: str
    registers: int
    stack: int
    spills: int
    shared: int


def nvcc() -> str | None:
    """The compiler, if there is one."""
    return os.environ.get("NVCC") or shutil.which("nvcc")


def compile_file(path: Path, architectures: tuple[str, ...]) -> list[Resources]:
    """Compiles one file for all architectures. Raises RuntimeError with nvcc's words."""
    codes = [f"-gencode=arch=compute_{a},code=sm_{a}" for a in architectures]
    with tempfile.TemporaryDirectory() as folder:
        command = [nvcc() or "nvcc", *FLAGS, *codes, "-c", str(path), "-o", f"{folder}/out.o"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return list(_parse(path.name, done.stdout + done.stderr))


def _parse(file: str, text: str) -> list[Resources]:
    found = []
    blocks = re.split(r"Compiling entry function ", text)[1:]
    for block in blocks:
        name, architecture = re.match(r"'(\S+)' for 'sm_(\d+)'", block).groups()  # type: ignore[union-attr]
        entry = block.split("Function properties for " + name)[1]
        stack, stores, loads = (
            int(n)
            for n in re.search(
                r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", entry
            ).groups()  # type: ignore[union-attr]
        )
        registers = int(re.search(r"Used (\d+) registers", block)[1])  # type: ignore[index]
        shared = re.search(r"(\d+) bytes smem", block)
        found.append(
            Resources(
                file,
                plain_name(name),
                architecture,
                registers,
                stack,
                stores + loads,
                int(shared[1]) if shared else 0,
            )
        )
    return found


def plain_name(mangled: str) -> str:
    """A kernel's own name with its template arguments: `draw_tiles<unsigned char>`."""
    full = subprocess.run(["c++filt", mangled], capture_output=True, text=True, check=True).stdout.strip()
    full = full.replace("fs::cuda::(anonymous namespace)::", "").removeprefix("void ")
    return full[: full.index("(")] if "(" in full else full


def measure(architectures: tuple[str, ...] = ARCHITECTURES) -> list[Resources]:
    """All kernels, sorted by file, name and architecture."""
    files = sorted((ROOT / "cuda").glob("*.cu"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        lists = pool.map(lambda path: compile_file(path, architectures), files)
        found = [one for several in lists for one in several]
    return sorted(found, key=lambda r: (r.file, r.kernel, int(r.architecture)))


def table(found: list[Resources]) -> str:
    """Markdown: a row for each kernel, registers by architecture and the most of everything else."""
    architectures = sorted({r.architecture for r in found}, key=int)
    lines = [
        "| file | kernel | " + " | ".join(f"sm_{a}" for a in architectures) + " | stack | spills | shared |",
        "| --- | --- |" + " --- |" * (len(architectures) + 3),
    ]
    for file, kernel in sorted({(r.file, r.kernel) for r in found}):
        rows = {r.architecture: r for r in found if (r.file, r.kernel) == (file, kernel)}
        numbers = [str(rows[a].registers) if a in rows else "" for a in architectures]
        worst = [max(getattr(r, what) for r in rows.values()) for what in ("stack", "spills", "shared")]
        lines.append(f"| {file} | `{kernel}` | {' | '.join(numbers)} | {' | '.join(map(str, worst))} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="keep the table in cuda/RESOURCES.md")
    parser.add_argument("--arch", action="append", help="an architecture, as 90; may come several times")
    options = parser.parse_args()
    if nvcc() is None:
        print("kernel_resources: there is no nvcc", file=sys.stderr)
        return 1
    try:
        text = table(measure(tuple(options.arch or ARCHITECTURES)))
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    print(text, end="")
    if options.write:
        version = subprocess.run([nvcc() or "nvcc", "--version"], capture_output=True, text=True, check=True)
        release = re.search(r"release ([\d.]+)", version.stdout)
        head = (
            "# What the kernels need\n\n"
            "Registers a thread by architecture; the most stack and spilled bytes a thread and static\n"
            "shared bytes a block. Written by `tools/kernel_resources.py --write` "
            f"with nvcc {release[1] if release else '?'}.\n\n"
        )
        TABLE.write_text(head + text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
