"""The command: make the events, let every contender answer, compare, write the results."""

import argparse
import datetime
import importlib.metadata
import json
import os
import shutil
import sys
from pathlib import Path
from statistics import median

from . import files, machine, protocol, report, truth
from .protocol import Arguments
from .shop import Shop, generate

HERE = Path(__file__).resolve().parent.parent
COLD_ROUNDS = 3
CONTENDERS = {
    "clickhouse": f"{sys.executable} -m side_by_side.clickhouse",
    "duckdb": f"{sys.executable} -m side_by_side.duck",
    "whodid": os.environ.get("WHODID_BENCH_BIN", ""),
}


def main() -> None:
    options = _options()
    sizes = [options.events]
    if options.growth:
        sizes = [options.events // 4, options.events // 2, options.events, options.events * 2]
    runs = [_run(options, events) for events in sizes]
    if options.growth:
        text = report.growth_markdown(runs)
        (options.results / f"{runs[0]['date'][:10]}-growth-{options.events}.md").write_text(text)
        print(text)
    wrong = sorted({query for run in runs for query in report.wrong(run)})
    if wrong:
        raise SystemExit(f"Whodid's answer is wrong: {', '.join(wrong)}")


def _options() -> argparse.Namespace:
    cache = Path(os.environ.get("WHODID_BENCH_CACHE", Path.home() / ".cache/whodid/bench"))
    parser = argparse.ArgumentParser(prog="bench/run.sh", description="Whodid, ClickHouse and DuckDB side by side.")
    add = parser.add_argument
    add("--events", type=int, default=20_000_000)
    add("--seed", type=int, default=1)
    add("--ties", action="store_true", help="many events of a user share an instant")
    add("--threads", type=int, default=2)
    add("--repeat", type=int, default=7)
    add("--rounds", type=int, default=1, help="turns of all contenders; evens out what else the machine does")
    add("--only", help="one question, such as funnel")
    add("--contenders", default=",".join(CONTENDERS), help="default: %(default)s")
    add("--fresh", action="store_true", help="make the events and load the peers anew")
    add("--keep", action="store_true", help="let Whodid use what it loaded in an earlier run")
    add("--cold", action="store_true", help="also ask each question in a new process")
    add("--concurrency", default="", help="also ask with so many clients at once, such as 1,4,16")
    add("--growth", action="store_true", help="runs at ¼, ½, 1 and 2 times the events")
    add("--cache", type=Path, default=cache, help="default: %(default)s")
    add("--results", type=Path, default=HERE / "results", help="default: %(default)s")
    options = parser.parse_args()
    options.contenders = [name for name in options.contenders.split(",") if name]
    unknown = [name for name in options.contenders if name not in CONTENDERS]
    if unknown:
        parser.error(f"no contender is called {unknown[0]}: choose from {', '.join(CONTENDERS)}")
    options.clients = [int(clients) for clients in options.concurrency.split(",") if clients]
    if not CONTENDERS["whodid"] and "whodid" in options.contenders:
        protocol.remark("WHODID_BENCH_BIN is not set: the peers run alone")
        options.contenders.remove("whodid")
    return options


def _run(options: argparse.Namespace, events: int) -> dict:
    folder = options.cache / "data" / f"{events}-{options.seed}{'-ties' if options.ties else ''}"
    if options.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    questions = {path.stem: json.loads(path.read_text()) for path in (HERE / "queries").glob("*.json")}
    titles = {name: questions[name]["title"] for name in truth.QUESTIONS if options.only in (None, name)}
    made = _make_events(options, events, folder)
    expected = json.loads((folder / "answers.json").read_text())
    run = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "events": events,
        **made,
        "seed": options.seed,
        "ties": options.ties,
        "threads": options.threads,
        "repeat": options.repeat,
        "rounds": options.rounds,
        "versions": {name: importlib.metadata.version(name) for name in ("chdb-core", "duckdb")},
        "machine": machine.describe(options.threads),
        "load_before": machine.load_average(),
        "titles": titles,
        "expected": expected,
        "loads": [],
        "measured": [],
        "concurrency": [],
    }
    if not options.keep:
        shutil.rmtree(folder / "whodid", ignore_errors=True)
    for turn in range(options.rounds):
        for contender in options.contenders:
            _ask(options, run, contender, folder, turn)
    run["load_after"] = machine.load_average()
    _write(options, run)
    return run


def _make_events(options: argparse.Namespace, events: int, folder: Path) -> dict:
    done = folder / "made.json"
    if not done.exists():
        protocol.remark(f"making {events:,} events in {folder}")
        shop = generate(events, options.seed, options.ties)
        shutil.rmtree(folder, ignore_errors=True)
        files.write(shop, folder / "parquet")
        protocol.remark("finding the right answers by brute force")
        truth.answers(shop, folder / "answers.json")
        done.write_text(json.dumps(_sizes(shop)))
    return json.loads(done.read_text())


def _sizes(shop: Shop) -> dict:
    return {"users": int(shop.user.max()) + 1, "sessions": int(shop.session.max()) + 1}


def _ask(options: argparse.Namespace, run: dict, contender: str, folder: Path, turn: int) -> None:
    data = folder / contender
    arguments = Arguments(
        folder / "parquet", HERE / "queries", data, options.threads, options.repeat, options.only, False, 0
    )
    _collect(run, contender, "warm", arguments)
    if turn + 1 < options.rounds:
        return
    if options.cold:
        machine.into_page_cache(folder / "parquet")
        machine.into_page_cache(data)
        for query in run["titles"]:
            for _ in range(COLD_ROUNDS):
                cold = Arguments(**{**vars(arguments), "only": query, "repeat": 1, "cold": True})
                _collect(run, contender, "cold", cold)
    for clients in options.clients:
        _collect(run, contender, "crowded", Arguments(**{**vars(arguments), "concurrency": clients}))


def _collect(run: dict, contender: str, mode: str, arguments: Arguments) -> None:
    for line in protocol.start(CONTENDERS[contender], arguments):
        if "failed" in line:
            raise SystemExit(f"{contender} failed: {line['failed']}")
        if "load" in line and mode == "warm" and not _is_known(run["loads"], contender, line["load"]):
            run["loads"].append({"contender": contender, **line["load"]})
        if "concurrency" in line:
            run["concurrency"].append({"contender": contender, **line["concurrency"]})
        if "query" in line and mode != "crowded":
            _keep(run, {"contender": contender, "mode": mode, **line})


def _is_known(loads: list[dict], contender: str, load: dict) -> bool:
    return any((l["contender"], l.get("variant")) == (contender, load.get("variant")) for l in loads)


def _keep(run: dict, measured: dict) -> None:
    measured["cpu_ms"] = [measured["cpu_ms"]] if "cpu_ms" in measured else []
    measured["differs"] = difference(run["expected"][measured["query"]], measured["answer"])
    if measured["differs"]:
        protocol.remark(f"{measured['contender']}, {measured.get('variant', '')}: {measured['query']} differs by "
                        f"{measured['differs']}")  # fmt: skip
    key = ("contender", "mode", "query", "variant")
    protocol.remark(f"{measured['contender']:>10}  {measured['query']:<15} {measured.get('variant', ''):<40} "
                    f"{median(measured['ms']):>9.1f} ms")  # fmt: skip
    for earlier in run["measured"]:
        if [earlier.get(k) for k in key] == [measured.get(k) for k in key]:
            earlier["ms"] += measured["ms"]
            earlier["cpu_ms"] += measured["cpu_ms"]
            earlier["differs"] = max(earlier["differs"], measured["differs"])
            return
    run["measured"].append(measured)


def difference(expected: dict, answer: dict) -> int:
    """How far two answers are apart: the sum over all numbers; of a top list, every name that only one has counts its
    views and users."""
    if "top" in expected:
        numbers = [{name: (views, users) for name, views, users in each.get("top", [])} for each in (expected, answer)]
        names = set(numbers[0]) | set(numbers[1])
        apart = sum(
            abs(a - b) for name in names for a, b in zip(numbers[0].get(name, (0, 0)), numbers[1].get(name, (0, 0)))
        )
        return apart or int(expected["top"] != answer["top"])
    flat = [[n for v in each.values() for n in (v if isinstance(v, list) else [v])] for each in (expected, answer)]
    if expected.keys() != answer.keys() or len(flat[0]) != len(flat[1]):
        return sum(flat[0])
    answer_flat = [n for key in expected for n in (answer[key] if isinstance(answer[key], list) else [answer[key]])]
    return sum(abs(a - b) for a, b in zip(flat[0], answer_flat))


def _write(options: argparse.Namespace, run: dict) -> None:
    options.results.mkdir(parents=True, exist_ok=True)
    name = f"{run['date'][:10]}-{run['events']}{'-ties' if run['ties'] else ''}"
    (options.results / f"{name}.json").write_text(json.dumps(run, indent=1, ensure_ascii=False) + "\n")
    text = report.markdown(run)
    (options.results / f"{name}.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
