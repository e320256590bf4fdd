#!/usr/bin/env python3
"""A server under steady load: events at a set rate with questions of every kind among them.

Watches memory, errors and answer times, prints a line a minute, writes the figures as JSON, and fails when something
went wrong: an answer that is neither a success nor a refusal for overload, memory that grows beyond the budget, or
answer times of the last quarter far above those of the first.

    python3 tests/soak/soak.py --binary target/release/whodid --minutes 20 --events-per-second 500 --out figures.json
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

INGEST, ADMIN = "soak-ingest-key-0123456789", "soak-admin-key-0123456789"
BASE = "/api/v2/product-analytics"
BATCH = 50
PAGES = ["/", "/cart", "/checkout", "/search", "/account"] + [f"/product/{n}" for n in range(40)]
COUNTRIES = [("Brazil", "BR"), ("Germany", "DE"), ("Japan", "JP"), ("France", "FR")]


class Figures:
    """What happened, by kind of request: answer times with the second they fell in, and statuses."""

    def __init__(self):
        self.lock = threading.Lock()
        self.times = {}
        self.statuses = Counter()
        self.errors = []

    def add(self, kind, status, began, elapsed_s, text):
        with self.lock:
            self.times.setdefault(kind, []).append((began, elapsed_s))
            self.statuses[f"{kind} {status}"] += 1
            if status >= 400 and status not in (429, 503):
                self.errors.append(f"{kind}: {status} {text[:300]}")


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def call(url, figures, kind, started, path, body=None, headers=None):
    request = urllib.request.Request(url + path, data=body, headers=headers or {}, method="POST" if body else "GET")
    began = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            status, text = response.status, response.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read().decode("utf-8", "replace")
    except OSError as error:
        status, text = 599, str(error)
    figures.add(kind, status, began - started, time.monotonic() - began, text)
    return text


def events(random_, n, session):
    user = random_.randrange(20_000)
    country, code = random_.choice(COUNTRIES)
    lines = []
    for at in range(n):
        page = random_.choice(PAGES)
        event = {
            "type": "view",
            "date": int(time.time() * 1000) - (n - at) * 700,
            "application": {"id": "00000000-0000-4000-8000-000000000001"},
            "session": {"id": f"{session}", "type": "user"},
            "usr": {"id": f"user-{user}"},
            "geo": {"country": country, "country_iso_code": code},
            "view": {"id": f"{session}-{at}", "url": f"https://shop.example{page}"},
            "_dd": {"format_version": 2, "document_version": 1},
        }
        if at % 5 == 4:
            event = {**event, "type": "action"}
            event["action"] = {"id": f"{session}-a{at}", "type": "click", "target": {"name": random_.choice(["BUY", "CHECKOUT", "MORE"])}}
        lines.append(json.dumps(event))
    return "\n".join(lines).encode()


def send(url, figures, started, until, per_second, seed):
    random_, number = random.Random(seed), 0
    pause = BATCH / per_second
    due = time.monotonic()
    while time.monotonic() < until:
        number += 1
        body = events(random_, BATCH, f"{seed}-{number}")
        call(url, figures, "intake", started, f"/api/v2/rum?ddsource=browser&dd-api-key={INGEST}", body)
        due += pause
        time.sleep(max(0.0, due - time.monotonic()))


def preview(steps, **more):
    definition = {"entity": "user", "where": {"performed": {"steps": steps, "during": {"last": "7d"}, **more}}}
    return "segments/preview", {"data": {"type": "segment_preview", "attributes": {"definition": definition}}}


def scalar(now_ms):
    query = {
        "query": {"data_source": "product_analytics", "search": {"query": "@type:view"}},
        "compute": {"aggregation": "count"},
        "group_by": [{"facet": "@view.url_path", "limit": 10}],
    }
    attributes = {"from": now_ms - 7 * 86_400_000, "to": now_ms, "query": query}
    return "analytics/scalar", {"data": {"type": "formula_analytics_extended_request", "attributes": attributes}}


def questions():
    """Kinds of question, from light to heavy."""
    cart = {"event": "@type:view @view.url_path:/cart"}
    bought = {"event": "@type:action @action.name:CHECKOUT"}
    yield "once", *preview([cart])
    yield "sequence", *preview([cart, bought], within="session")
    yield "absence", *preview([cart, {**bought, "not": True}], within="session")
    yield "wildcard", *preview([{"event": "@type:view @view.url_path:/product/*"}])
    yield "top", *scalar(int(time.time() * 1000))


def ask(url, figures, started, until, pause_s):
    headers = {"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json"}
    while time.monotonic() < until:
        for kind, path, body in questions():
            call(url, figures, kind, started, f"{BASE}/{path}", json.dumps(body).encode(), headers)
            time.sleep(pause_s)
        call(url, figures, "list", started, f"{BASE}/segments", headers=headers)
        call(url, figures, "status", started, f"{BASE}/status", headers=headers)


def resident_bytes(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def start(binary, folder):
    address = folder / "address"
    environment = {
        **os.environ,
        "WHODID_DATA": str(folder / "data"),
        "WHODID_LISTEN": "127.0.0.1:0",
        "WHODID_WRITE_ADDRESS": str(address),
        "WHODID_BOOTSTRAP_API_KEY": INGEST,
        "WHODID_BOOTSTRAP_APP_KEY": ADMIN,
        "WHODID_REQUESTS_PER_MINUTE": "1000000",
    }
    server = subprocess.Popen([binary, "serve"], env=environment, stderr=open(folder / "log", "w"))
    for _ in range(600):
        if address.exists() and address.read_text().endswith("\n"):
            return server, address.read_text().strip()
        if server.poll() is not None:
            sys.exit(f"the server did not start: {(folder / 'log').read_text()}")
        time.sleep(0.1)
    sys.exit("the server did not start")


def judge(arguments, figures, memory, stored):
    """What is wrong, as sentences."""
    wrong = [f"{len(figures.errors)} errors, the first: {figures.errors[0]}"] if figures.errors else []
    length = arguments.minutes * 60
    # The events themselves are held in memory: the budget is a base and so many bytes an event.
    budget = arguments.base_mib * 2**20 + stored * arguments.bytes_per_event
    if max(m for _, m in memory) > budget:
        wrong.append(f"memory rose to {max(m for _, m in memory) >> 20} MiB; the budget is {budget >> 20} MiB")
    for kind, times in figures.times.items():
        first = percentile([s for at, s in times if at < length / 4], 0.99)
        last = percentile([s for at, s in times if at >= length * 3 / 4], 0.99)
        if last > max(arguments.p99_factor * first, arguments.p99_floor_s):
            wrong.append(f"p99 of {kind} went from {first:.3f} s to {last:.3f} s")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--events-per-second", type=float, default=500)
    parser.add_argument("--askers", type=int, default=2)
    parser.add_argument("--pause-s", type=float, default=0.2)
    parser.add_argument("--base-mib", type=int, default=700)
    parser.add_argument("--bytes-per-event", type=int, default=2_000)
    parser.add_argument("--p99-factor", type=float, default=5)
    parser.add_argument("--p99-floor-s", type=float, default=1.0)
    parser.add_argument("--out")
    arguments = parser.parse_args()

    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="whodid-soak-") as folder:
        server, url = start(arguments.binary, Path(folder))
        started = time.monotonic()
        until = started + arguments.minutes * 60
        work = [threading.Thread(target=send, args=(url, figures, started, until, arguments.events_per_second, 1))]
        work += [
            threading.Thread(target=ask, args=(url, figures, started, until, arguments.pause_s))
            for _ in range(arguments.askers)
        ]
        for thread in work:
            thread.start()
        memory, next_line = [], 60
        while any(thread.is_alive() for thread in work):
            at = time.monotonic() - started
            memory.append((round(at, 1), resident_bytes(server.pid)))
            if at >= next_line:
                next_line += 60
                counts = sum(figures.statuses.values())
                print(f"{at / 60:5.1f} min  {memory[-1][1] >> 20} MiB  {counts} answers  {len(figures.errors)} errors", flush=True)
            time.sleep(1)
        headers = {"Authorization": f"Bearer {ADMIN}"}
        status = json.loads(call(url, figures, "status", started, f"{BASE}/status", headers=headers))
        stored = status["data"]["attributes"]["store"]["events"]
        stopping = time.monotonic()
        server.send_signal(signal.SIGTERM)
        exit_code = server.wait(timeout=300)
        stop_s = time.monotonic() - stopping
        checked = subprocess.run([arguments.binary, "check", "--data", f"{folder}/data"], capture_output=True, text=True)

    wrong = judge(arguments, figures, memory, stored)
    if exit_code != 0:
        wrong.append(f"the server ended with {exit_code}")
    if checked.returncode != 0:
        wrong.append(f"the data folder is damaged: {checked.stdout}")
    result = {
        "minutes": arguments.minutes,
        "events_per_second": arguments.events_per_second,
        "askers": arguments.askers,
        "events_stored": stored,
        "memory_mib": {"start": memory[0][1] >> 20, "end": memory[-1][1] >> 20, "most": max(m for _, m in memory) >> 20},
        "stop_s": round(stop_s, 2),
        "statuses": dict(sorted(figures.statuses.items())),
        "seconds": {
            kind: {
                "count": len(times),
                "p50": round(percentile([s for _, s in times], 0.5), 4),
                "p99": round(percentile([s for _, s in times], 0.99), 4),
                "most": round(max(s for _, s in times), 4),
            }
            for kind, times in sorted(figures.times.items())
        },
        "wrong": wrong,
    }
    text = json.dumps(result, indent=1)
    print(text)
    if arguments.out:
        Path(arguments.out).write_text(text + "\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
