"""The event table, read by other programs from the files alone: what they count is what Whodid counts.

Run by `make open-tables-test`.
"""

import random
import tempfile
import unittest
from datetime import datetime, timezone
from pathlib import Path

import duckdb
import polars
from deltalake import DeltaTable

from whodid import Whodid, write_lines

VIEWS = 120
ACTIONS = 300
# 2026-08-20: the events reach over three months.
FIRST_MS = 1_787_184_000_000
STEP_MS = 4 * 3_600_000


def view(n, version):
    return {
        "type": "view",
        "date": FIRST_MS + n * STEP_MS,
        "_dd": {"document_version": version},
        "session": {"id": f"s{n % 40}"},
        "view": {"id": f"v{n}", "url": f"https://shop.example/product/{n % 9}", "time_spent": version * 1_000_000},
        "usr": {"id": f"u{n % 17}", "anonymous_id": f"a{n % 17}"},
        "context": {"cart": {"total": n / 4}, "mixed": n if n % 2 else f"text {n}"},
    }


def action(n):
    return {
        "type": "action",
        "date": FIRST_MS + n * STEP_MS,
        "session": {"id": f"s{n % 40}"},
        "action": {"id": f"c{n}", "type": "click", "target": {"name": "CHECKOUT" if n % 5 else "ADD TO CART"}},
        "usr": {"anonymous_id": f"a{n % 23}"},
    }


class OpenTables(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        whodid = Whodid(Path(cls.temporary.name))
        chance = random.Random(1)
        first = [view(n, version) for n in range(VIEWS) for version in (1, 3)] + [action(n) for n in range(ACTIONS)]
        first += chance.sample(first, 100)
        chance.shuffle(first)
        write_lines(whodid.folder / "first.ndjson", first)
        # Older and newer versions of half of the views, and everything that is no view once more.
        second = [view(n, version) for n in range(0, VIEWS, 2) for version in (2, 4)]
        second += [action(n) for n in range(ACTIONS)]
        write_lines(whodid.folder / "second.ndjson", second)
        cls.counts = {}
        for file in ("first", "second"):
            whodid.start()
            try:
                whodid.run("import", whodid.folder / f"{file}.ndjson")
                for search in ("*", "@type:view", "@type:action", "@action.name:CHECKOUT", "@usr.id:u3"):
                    cls.counts[search] = whodid.count(search)
            finally:
                whodid.stop()
        cls.folder = whodid.data / "tables" / "events"
        cls.delta = DeltaTable(str(cls.folder))
        cls.rows = cls.delta.to_pyarrow_table().to_pylist()

    def test_whodid_counts_every_event_once(self):
        self.assertEqual(self.counts["*"], VIEWS + ACTIONS)
        self.assertEqual(self.counts["@type:view"], VIEWS)

    def test_deltalake_reads_one_row_per_event_in_its_last_version(self):
        self.assertEqual(len(self.rows), self.counts["*"])
        self.assertEqual(len({(row["type"], row["id"]) for row in self.rows}), len(self.rows))
        for row in self.rows:
            if row["type"] == "view":
                n = int(row["id"][1:])
                version = 4 if n % 2 == 0 else 3
                self.assertEqual((row["_revision"], row["view.time_spent"]), (version, version * 1_000_000))
                self.assertEqual(row["ts"], datetime.fromtimestamp((FIRST_MS + n * STEP_MS) / 1000, timezone.utc))
                self.assertEqual(row["context.cart.total"], n / 4)
                both = [row[name] for name in self.names() if name.split("#")[0] == "context.mixed"]
                self.assertIn(n if n % 2 else f"text {n}", both)

    def test_columns_are_named_by_facet_path(self):
        names = self.names()
        expected = ["type", "ts", "id", "_user", "usr.id", "usr.anonymous_id", "session.id", "view.url", "action.name"]
        for name in expected + ["context.cart.total", "context.mixed"]:
            self.assertIn(name, names)

    def names(self):
        return [field.name for field in self.delta.schema().fields]

    def test_duckdb_counts_the_same(self):
        files = self.delta.file_uris()
        events = duckdb.read_parquet(files, union_by_name=True)
        self.check_with_sql(lambda query: events.query("events", query.format(events="events")).fetchall()[0][0])
        self.assertGreaterEqual(set(events.columns), {"type", "ts", "usr.id"})

    def test_polars_counts_the_same(self):
        events = polars.read_delta(str(self.folder))
        self.assertEqual(events.height, self.counts["*"])
        self.check_with_sql(lambda query: polars.SQLContext(e=events).execute(query.format(events="e"), eager=True).item())

    def check_with_sql(self, ask):
        rows = [
            ("*", "SELECT count(*) FROM {events}"),
            ("*", "SELECT count(DISTINCT concat(type, ':', id)) FROM {events}"),
            ("@type:view", "SELECT count(*) FROM {events} WHERE type = 'view'"),
            ("@type:action", "SELECT count(*) FROM {events} WHERE type = 'action'"),
            ("@action.name:CHECKOUT", "SELECT count(*) FROM {events} WHERE \"action.name\" = 'CHECKOUT'"),
        ]
        for search, query in rows:
            with self.subTest(query=query):
                self.assertEqual(ask(query), self.counts[search])


if __name__ == "__main__":
    unittest.main()
