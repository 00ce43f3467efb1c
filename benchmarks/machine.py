"""What the figures were measured on: processor, versions, threads, and how fast it can go."""

from __future__ import annotations

import importlib.util
import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

PACKAGES = (
    "sentiment_rnn",
    "numpy",
    "scipy",
    "keras",
    "tensorflow",
    "jax",
    "torch",
    "gensim",
    "nltk",
    "scikit-learn",
    "vaderSentiment",
    "textblob",
    "fasttext-community",
    "wordllama",
)

_SIZES = (2048, 2048, 2048)


def describe(quick: bool = False) -> dict[str, Any]:
    """What is worth knowing of this machine and what is installed on it.

    Args:
        quick: whether the ceiling is measured for a moment only.

    Returns:
        ``processor``, ``cores`` (those that this process may use), ``memory_gb``, ``system``,
        ``python``, ``versions`` of what is installed, ``threads`` of each matrix library,
        ``load`` (processes that ran or waited in the last minute), and ``ceiling_gflops`` with
        ``ceiling_by``: the fastest float32 matrix product, and what computed it.
    """
    ceilings = {"NumPy": numpy_gflops(1 if quick else 10)}
    if importlib.util.find_spec("torch") is not None and not quick:
        ceilings["torch"] = _torch_gflops(10)
    by = max(ceilings, key=lambda name: ceilings[name])
    return {
        "processor": _processor(),
        "cores": count_cores(),
        "memory_gb": _memory_gb(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": _versions(),
        "threads": _threads(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "ceiling_gflops": round(ceilings[by], 1),
        "ceiling_by": by,
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def count_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, OSError, ValueError):
        return None


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _threads() -> dict[str, int]:
    from threadpoolctl import threadpool_info

    return {
        str(library.get("internal_api") or library["user_api"]): library["num_threads"]
        for library in threadpool_info()
    }


def numpy_gflops(repeats: int, sizes: tuple[int, int, int] = _SIZES) -> float:
    """How fast NumPy multiplies float32 matrices.

    Args:
        repeats: of which the best counts.
        sizes: of ``(rows x inner) by (inner x columns)``.
    """
    rows, inner, columns = sizes
    a, b = np.ones((rows, inner), np.float32), np.ones((inner, columns), np.float32)
    out = np.empty((rows, columns), np.float32)
    return _best_gflops(lambda: np.matmul(a, b, out=out), repeats, sizes)


def _torch_gflops(repeats: int, sizes: tuple[int, int, int] = _SIZES) -> float:
    import torch

    rows, inner, columns = sizes
    a, b, out = torch.ones(rows, inner), torch.ones(inner, columns), torch.empty(rows, columns)
    return _best_gflops(lambda: torch.matmul(a, b, out=out), repeats, sizes)


def _best_gflops(product: Any, repeats: int, sizes: tuple[int, int, int]) -> float:
    """A ceiling is what is reached at best, not in the middle."""
    seconds = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        product()
        seconds.append(time.perf_counter() - started)
    return 2 * prod(sizes) / min(seconds) / 1e9
