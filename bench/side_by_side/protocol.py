"""How a contender is started and what it prints; bench/README.md has the words.

A contender is a program that takes `--parquet --queries --data --threads --repeat` and prints one JSON object a line.
"""

import argparse
import json
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path


CROWD_S = 10.0


@dataclass
class Arguments:
    parquet: Path
    queries: Path
    data: Path
    threads: int
    repeat: int
    only: str | None
    cold: bool
    concurrency: int

    @staticmethod
    def parse() -> "Arguments":
        parser = argparse.ArgumentParser()
        parser.add_argument("--parquet", type=Path, required=True)
        parser.add_argument("--queries", type=Path, required=True)
        parser.add_argument("--data", type=Path, required=True)
        parser.add_argument("--threads", type=int, default=2)
        parser.add_argument("--repeat", type=int, default=7)
        parser.add_argument("--only")
        parser.add_argument("--cold", action="store_true")
        parser.add_argument("--concurrency", type=int, default=0)
        return Arguments(**vars(parser.parse_args()))

    def to_list(self) -> list[str]:
        out = ["--parquet", str(self.parquet), "--queries", str(self.queries), "--data", str(self.data)]
        out += ["--threads", str(self.threads), "--repeat", str(self.repeat)]
        if self.only:
            out += ["--only", self.only]
        if self.cold:
            out += ["--cold"]
        if self.concurrency:
            out += ["--concurrency", str(self.concurrency)]
        return out


def start(command: str, arguments: Arguments) -> Iterator[dict]:
    """The lines of a contender, as they come. Its own remarks (stderr) go to ours."""
    arguments.data.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen([*shlex.split(command), *arguments.to_list()], stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            if line.lstrip().startswith("{"):
                yield json.loads(line)
        if child.wait() != 0:
            yield {"failed": f"exit code {child.returncode}"}


def say(**line) -> None:
    print(json.dumps(line), flush=True)


def measure(ask: Callable[[], dict], repeat: int, warm: bool) -> dict:
    """Asks once untimed when `warm`, then `repeat` times. Gives the members `answer`, `ms` and `cpu_ms` of a line."""
    if warm:
        ask()
    times_ms = []
    cpu_began = time.process_time()
    for _ in range(repeat):
        began = time.perf_counter()
        answer = ask()
        times_ms.append(round((time.perf_counter() - began) * 1000, 3))
    cpu_ms = (time.process_time() - cpu_began) * 1000 / repeat
    return {"answer": answer, "ms": times_ms, "cpu_ms": round(cpu_ms, 3)}


def crowd(clients: int, connect: Callable[[], Callable[[str], object]], questions: list[str]) -> dict:
    """`clients` at once, each on a connection of its own, ask one question after another for `CROWD_S` seconds."""
    times_ms, began = [], time.perf_counter()

    def client(number: int, ask: Callable[[str], object]) -> None:
        turn = number
        while (now := time.perf_counter()) - began < CROWD_S:
            ask(questions[turn % len(questions)])
            times_ms.append((time.perf_counter() - now) * 1000)
            turn += 1

    workers = [threading.Thread(target=client, args=(number, connect())) for number in range(clients)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - began
    times_ms.sort()
    return {"clients": clients, "seconds": round(seconds, 2), "queries": len(times_ms),
            "p50_ms": round(times_ms[len(times_ms) // 2], 2),
            "p95_ms": round(times_ms[len(times_ms) * 95 // 100], 2)}  # fmt: skip


def remark(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
