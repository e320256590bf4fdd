"""A run as tables in Markdown."""

from collections.abc import Callable
from math import isfinite
from statistics import median

PEERS = ["clickhouse", "duckdb"]
NAMES = {"clickhouse": "ClickHouse", "duckdb": "DuckDB", "whodid": "Whodid"}
# How many times faster than the better peer, and than ClickHouse, every question is meant to be.
AIM_BETTER_PEER = 5
AIM_CLICKHOUSE = {"sequence": 10, "funnel": 10}


def wall_ms(measured: dict) -> float:
    return median(measured["ms"])


def cpu_ms(measured: dict) -> float:
    """Of all threads, per asking. Unlike the wall's time it hardly changes when others use the machine."""
    return median(measured["cpu_ms"]) if measured["cpu_ms"] else float("inf")


def wrong(run: dict) -> list[str]:
    """The questions that Whodid answered otherwise than the brute force."""
    return sorted({m["query"] for m in run["measured"] if m["contender"] == "whodid" and m["differs"]})


def best(run: dict, contender: str, query: str, mode: str = "warm", by: Callable[[dict], float] = wall_ms) -> dict | None:
    """The quickest way that gave the right answer."""
    exact = [m for m in run["measured"] if (m["contender"], m["query"], m["mode"]) == (contender, query, mode)]
    exact = [m for m in exact if m["differs"] == 0]
    return min(exact, key=by, default=None)


def markdown(run: dict) -> str:
    parts = [_head(run), _table(run, "warm"), "## The same by CPU time of all threads", _cpu_table(run)]
    if any(m["mode"] == "cold" for m in run["measured"]):
        parts += ["## Cold: nothing in memory, files in the page cache", _table(run, "cold")]
    parts += ["## Load", _loads(run)]
    if run["concurrency"]:
        parts += ["## Concurrency", _concurrency(run)]
    parts += ["## Every way asked", _ways(run)]
    return "\n\n".join(parts) + "\n"


def growth_markdown(runs: list[dict]) -> str:
    """One row per question and contender, one column per size: median ms, and ns per event."""
    runs = sorted(runs, key=lambda run: run["events"])
    sizes = [f"{run['events']:,}" for run in runs]
    rows = []
    for query, title in runs[0]["titles"].items():
        for contender, name in NAMES.items():
            found = [best(run, contender, query) for run in runs]
            if any(found):
                cells = [_grown(m, run["events"]) for m, run in zip(found, runs)]
                rows.append([title, name, *cells])
    return "# Growth: median ms (ns per event)\n\n" + _grid(["question", "", *sizes], rows) + "\n"


def _grown(measured: dict | None, events: int) -> str:
    if measured is None:
        return "–"
    ms = median(measured["ms"])
    return f"{ms:.1f} ({ms * 1e6 / events:.2f})"


def _head(run: dict) -> str:
    machine = run["machine"]
    speeds = ", ".join(f"{speed} GB/s with {label}" for label, speed in machine["bandwidth_gb_per_s"].items())
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    ties = "many events of a user share an instant" if run["ties"] else "no two events of a user share an instant"
    return f"""# {run["events"]:,} events, {run["date"]}

{run["users"]:,} users, {run["sessions"]:,} sessions; {ties}. {run["threads"]} threads, median of {run["repeat"] * run["rounds"]} in {run["rounds"]} rounds, each after one untimed.

{machine["cpu"]}, {machine["cores"]} cores, {machine["memory_bytes"] / 2**30:.0f} GiB, {machine["kernel"]}; memory read at {speeds}. Load average before and after: {run["load_before"]}, {run["load_after"]}. {versions}."""


def _table(run: dict, mode: str) -> str:
    rows = []
    for query, title in run["titles"].items():
        found = {contender: best(run, contender, query, mode) for contender in NAMES}
        ms = {contender: median(m["ms"]) for contender, m in found.items() if m}
        cells = [_cell(run, contender, query, mode) for contender in NAMES]
        cells += [_ratio(ms.get(peer), ms.get("whodid")) for peer in PEERS]
        if mode == "warm":
            cells.append(_aim(query, ms))
        rows.append([title, *cells])
    return _grid(_columns("ms") + (["aim"] if mode == "warm" else []), rows)


def _cpu_table(run: dict) -> str:
    rows = []
    for query, title in run["titles"].items():
        found = {contender: best(run, contender, query, by=cpu_ms) for contender in NAMES}
        ms = {contender: cpu_ms(m) for contender, m in found.items() if m and isfinite(cpu_ms(m))}
        cells = [f"{ms[contender]:.1f}" if contender in ms else "–" for contender in NAMES]
        rows.append([title, *cells, *[_ratio(ms.get(peer), ms.get("whodid")) for peer in PEERS]])
    return _grid(_columns("CPU ms"), rows)


def _columns(unit: str) -> list[str]:
    return ["question", *[f"{name} {unit}" for name in NAMES.values()], *[f"{NAMES[peer]} ÷ Whodid" for peer in PEERS]]


def _cell(run: dict, contender: str, query: str, mode: str) -> str:
    right = best(run, contender, query, mode)
    if right:
        return f"{wall_ms(right):.1f}"
    asked = [m for m in run["measured"] if (m["contender"], m["query"], m["mode"]) == (contender, query, mode)]
    return f"differs by {min(m['differs'] for m in asked)}" if asked else "–"


def _ratio(peer_ms: float | None, our_ms: float | None) -> str:
    return f"{peer_ms / our_ms:.1f}×" if peer_ms and our_ms else "–"


def _aim(query: str, ms: dict[str, float]) -> str:
    peers = [ms[peer] for peer in PEERS if peer in ms]
    if "whodid" not in ms or not peers:
        return "–"
    short = []
    if min(peers) / ms["whodid"] < AIM_BETTER_PEER:
        short.append(f"< {AIM_BETTER_PEER}× the better peer")
    times = AIM_CLICKHOUSE.get(query)
    if times and "clickhouse" in ms and ms["clickhouse"] / ms["whodid"] < times:
        short.append(f"< {times}× ClickHouse")
    return "missed: " + ", ".join(short) if short else "reached"


def _loads(run: dict) -> str:
    rows = []
    for load in run["loads"]:
        resident = load.get("resident_bytes")
        rows.append(
            [
                NAMES[load["contender"]],
                load.get("variant", ""),
                f"{load['rows']:,}",
                f"{load['seconds']:.1f}",
                f"{load['rows'] / max(load['seconds'], 0.001):,.0f}",
                f"{resident / load['rows']:.1f}" if resident else "–",
            ]
        )
    return _grid(["", "", "rows", "s", "rows/s", "resident bytes per event"], rows)


def _concurrency(run: dict) -> str:
    rows = [
        [NAMES[c["contender"]], str(c["clients"]), f"{c['queries'] / c['seconds']:.1f}", f"{c['p50_ms']:.1f}",
         f"{c['p95_ms']:.1f}"]
        for c in run["concurrency"]
    ]  # fmt: skip
    return _grid(["", "clients", "questions/s", "median ms", "p95 ms"], rows)


def _ways(run: dict) -> str:
    rows = []
    for m in run["measured"]:
        answer = "exact" if m["differs"] == 0 else f"differs by {m['differs']}"
        name = f"{NAMES[m['contender']]}{', cold' if m['mode'] == 'cold' else ''}"
        moved = _moved(m, run["machine"])
        times = f"{median(m['ms']):.1f}", f"{min(m['ms']):.1f}", f"{cpu_ms(m):.1f}" if isfinite(cpu_ms(m)) else "–"
        rows.append([m["query"], name, m.get("variant", ""), *times, answer, moved])
    return _grid(["question", "", "way", "median ms", "least ms", "CPU ms", "answer", "of memory's speed"], rows)


def _moved(measured: dict, machine: dict) -> str:
    touched = measured.get("bytes_touched")
    if not touched:
        return "–"
    speed = touched / median(measured["ms"]) / 1e6
    return f"{speed:.1f} GB/s, {100 * speed / max(machine['bandwidth_gb_per_s'].values()):.0f} %"


def _grid(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
