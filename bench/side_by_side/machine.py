"""The machine a run was on: what it is, how busy it was, and how fast its memory can be read."""

import os
import platform
import subprocess
import threading
import time
from pathlib import Path

import numpy as np

BANDWIDTH_BYTES = 1 << 30


def describe(threads: int) -> dict:
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "bandwidth_gb_per_s": {"1 thread": _bandwidth(1), f"{threads} threads": _bandwidth(threads)},
    }


def load_average() -> float:
    """Of the last minute. Far more than the threads of the run means that others were at work."""
    return round(os.getloadavg()[0], 2)


def into_page_cache(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb", buffering=0) as reader:
                while reader.read(1 << 24):
                    pass


def _cpu_model() -> str:
    lines = subprocess.run(["lscpu"], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}).stdout
    names = [line.split(":", 1)[1].strip() for line in lines.splitlines() if line.startswith("Model name:")]
    return names[0] if names else platform.machine()


def _bandwidth(threads: int) -> float:
    """GB/s of summing 1 GiB of integers, the best of five; the sum lets other threads run."""
    parts = np.array_split(np.ones(BANDWIDTH_BYTES // 8, dtype=np.int64), threads)
    best_s = float("inf")
    for _ in range(5):
        workers = [threading.Thread(target=part.sum) for part in parts]
        began = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        best_s = min(best_s, time.perf_counter() - began)
    return round(BANDWIDTH_BYTES / best_s / 1e9, 1)
