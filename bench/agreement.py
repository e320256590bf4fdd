"""ClickHouse's behaviour functions and Whodid, asked the same of random streams.

`make -C bench agreement`: starts the binary on an empty folder, sends it streams of a few letters, and compares, user by
user, `windowFunnel`, `sequenceMatch`, `sequenceCount` and `retention` with the segment that says the same. Where the
meaning is the same, every user must agree. Where docs/clickhouse.md says that it differs, there must be users that differ,
and only in the direction that is written there.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from chdb import session

KEY = "agreement-key-0123456789abcdef"
BASE_MS = 1_787_184_000_000
SECOND_MS = 1_000


def streams(chance, users, ties):
    """(user, second, letter) for each event. Without ties no user has two events at one second."""
    for user in range(users):
        count = chance.randint(1, 12)
        seconds = chance.choices(range(8), k=count) if ties else sorted(chance.sample(range(40), count))
        for second in seconds:
            yield f"u{user}", second, chance.choice("AABBCCNX")


class Whodid:
    def __init__(self, binary, folder):
        self.folder = Path(folder)
        address = self.folder / "address"
        environment = os.environ | {"WHODID_BOOTSTRAP_API_KEY": KEY + "-ingest", "WHODID_BOOTSTRAP_APP_KEY": KEY}
        command = [*binary.split(), "serve", "--data", str(self.folder / "data"), "--listen", "127.0.0.1:0"]
        command += ["--write-address", str(address)]
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 30
        while not (address.exists() and address.read_text().strip()):
            assert self.process.poll() is None and time.monotonic() < until, "the server did not start"
            time.sleep(0.05)
        self.url = address.read_text().strip()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    def post(self, path, body, content_type="application/json"):
        request = urllib.request.Request(self.url + "/api/v2/product-analytics" + path, body)
        request.add_header("Content-Type", content_type)
        request.add_header("DD-API-KEY", KEY + "-ingest")
        request.add_header("DD-APPLICATION-KEY", KEY)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def load(self, events):
        lines = (
            json.dumps(
                {
                    "timestamp": BASE_MS + second * SECOND_MS,
                    "type": "action",
                    "id": f"e{n}",
                    "usr.id": user,
                    "action.name": letter,
                }
            )
            for n, (user, second, letter) in enumerate(events)
        )
        answer = self.post("/events/import", "\n".join(lines).encode(), "application/x-ndjson")
        assert not answer.get("rejected") and not answer.get("data", {}).get("attributes", {}).get("rejected"), answer

    def members(self, where):
        attributes = {"definition": {"entity": "user", "where": where}, "sample_size": 1000}
        attributes["at"] = BASE_MS + 3_600_000
        body = {"data": {"type": "segment_preview", "attributes": attributes}}
        answer = self.post("/segments/preview", json.dumps(body).encode())["data"]["attributes"]
        assert len(answer["sample"]) == answer["count"], "the sample is cut"
        return set(answer["sample"])


class ClickHouse:
    def __init__(self, events):
        self.session = session.Session()
        self.session.query("CREATE DATABASE IF NOT EXISTS agreement")
        self.session.query("DROP TABLE IF EXISTS agreement.events")
        self.session.query(
            "CREATE TABLE agreement.events (user String, ts UInt32, letter String) ENGINE = MergeTree ORDER BY user"
        )
        rows = ",".join(f"('{user}',{second},'{letter}')" for user, second, letter in events)
        self.session.query(f"INSERT INTO agreement.events VALUES {rows}")

    def members(self, condition, where="1"):
        query = f"SELECT user FROM agreement.events WHERE {where} GROUP BY user HAVING {condition}"
        return set(str(self.session.query(query, "TSV")).split())


def step(letters, negative=False):
    event = {"event": "@action.name:(" + " OR ".join(letters) + ")"}
    return event | {"not": True} if negative else event


def performed(*steps, **more):
    return {"performed": {"steps": list(steps), **more}}


def during(first, end):
    instant = lambda second: BASE_MS + second * SECOND_MS
    return {"during": {"from": instant(first), "to": instant(end)}}


def questions():
    """Name, our condition, ClickHouse's condition and its WHERE."""
    abc = [step("A"), step("B"), step("C")]
    conditions = "letter='A', letter='B', letter='C'"
    for seconds in (3, 10, 100):
        for depth in (1, 2, 3):
            ours = performed(*abc[:depth], **({"within": f"{seconds}s"} if depth > 1 else {}))
            yield f"windowFunnel({seconds}) ≥ {depth}", ours, f"windowFunnel({seconds})(ts, {conditions}) >= {depth}", "1"
    yield "sequenceMatch (?1).*(?2).*(?3)", performed(*abc), f"sequenceMatch('(?1).*(?2).*(?3)')(ts, {conditions})", "1"
    negative = performed(step("A"), step("N", negative=True), step("B"))
    yield (
        "sequenceMatch, none between",
        negative,
        "sequenceMatch('(?1)(?2)')(ts, letter='A', letter='B', letter='N')",
        "letter IN ('A','B','N')",
    )
    for times in (1, 2, 3):
        ours = performed(step("A"), step("B"), times={"op": ">=", "value": times})
        yield f"sequenceCount ≥ {times}", ours, f"sequenceCount('(?1).*(?2)')(ts, {conditions}) >= {times}", "1"
    ours = {"all": [performed(step("A"), **during(0, 10)), performed(step("B"), **during(20, 30))]}
    clickhouse = "retention(letter='A' AND ts < 10, letter='B' AND ts >= 20 AND ts < 30)[2] = 1"
    yield "retention", ours, clickhouse, "1"


def overlapping():
    """Questions in which one event can fill two steps."""
    steps, conditions = [step("AX"), step("BX")], "letter IN ('A','X'), letter IN ('B','X')"
    yield "windowFunnel", performed(*steps, within="10s"), f"windowFunnel(10)(ts, {conditions}) >= 2", "1"
    yield "sequenceMatch", performed(*steps), f"sequenceMatch('(?1).*(?2)')(ts, {conditions})", "1"


def report(name, ours, theirs):
    print(f"{name:36} {len(ours):6} {len(theirs):6}   only ours {len(ours - theirs):4}   only ClickHouse {len(theirs - ours):4}")


def ask(whodid, events, asked):
    """Question → our users, ClickHouse's users."""
    whodid.load(events)
    clickhouse = ClickHouse(events)
    answers = {}
    for name, ours, theirs, where in asked:
        answers[name] = whodid.members(ours), clickhouse.members(theirs, where)
        report(name, *answers[name])
    clickhouse.session.close()
    return answers


def with_own_server(binary, events, asked):
    with tempfile.TemporaryDirectory() as folder:
        whodid = Whodid(binary, folder)
        try:
            return ask(whodid, events, asked)
        finally:
            whodid.stop()


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--users", type=int, default=900, help="of each kind of stream, at most 1000")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--binary", default=os.environ.get("WHODID_BIN", "whodid"))
    given = arguments.parse_args()
    chance = random.Random(given.seed)
    wrong = []

    print("one event at an instant, no event fills two steps: every user agrees")
    distinct = list(streams(chance, given.users, ties=False))
    for name, (ours, theirs) in with_own_server(given.binary, distinct, list(questions())).items():
        if ours != theirs:
            wrong.append(f"{name}: {sorted(ours ^ theirs)[:5]} differ")

    print("\nan event may match two steps: Whodid asks for different events")
    for name, (ours, theirs) in with_own_server(given.binary, distinct, list(overlapping())).items():
        if ours - theirs:
            wrong.append(f"{name} with overlapping steps: {sorted(ours - theirs)[:5]} only with us")

    print("\nevents at one instant: they match in either order with Whodid")
    tied = list(streams(chance, given.users, ties=True))
    for name, (ours, theirs) in with_own_server(given.binary, tied, list(questions())).items():
        if name.startswith(("windowFunnel", "sequenceMatch (?1)", "sequenceCount ≥ 1")) and theirs - ours:
            wrong.append(f"{name} with ties: {sorted(theirs - ours)[:5]} only with ClickHouse")

    print("\n" + ("\n".join(wrong) if wrong else "as docs/clickhouse.md says"))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
