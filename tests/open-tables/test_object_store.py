"""The event table in an object store: a server that speaks Amazon's S3, on this machine."""

import logging
import tempfile
import unittest
from pathlib import Path

import boto3
from deltalake import DeltaTable
from moto.server import ThreadedMotoServer
from whodid import Whodid, write_lines

BUCKET = "shop-events"
ACTIONS = 500
FIRST_MS = 1_787_184_000_000


def action(n):
    return {
        "type": "action",
        "date": FIRST_MS + n * 3_600_000,
        "session": {"id": f"s{n % 40}"},
        "action": {"id": f"c{n}", "type": "click", "target": {"name": "CHECKOUT" if n % 5 else "ADD TO CART"}},
        "usr": {"id": f"u{n % 23}"},
    }


class ObjectStore(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        store = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        store.start()
        cls.addClassCleanup(store.stop)
        endpoint = "http://%s:%s" % store.get_host_and_port()
        cls.access = {
            "AWS_ACCESS_KEY_ID": "test-access",
            "AWS_SECRET_ACCESS_KEY": "test-secret",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": endpoint,
        }
        cls.s3 = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="test-access",
            aws_secret_access_key="test-secret",
        )
        cls.s3.create_bucket(Bucket=BUCKET)
        cls.folder = Path(temporary.name)

    def whodid(self, name, tables):
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return Whodid(folder, self.access | ({"WHODID_TABLES": tables} if tables else {}))

    def rows(self, tables):
        access = self.access | {"AWS_ALLOW_HTTP": "true"}
        return DeltaTable(f"{tables}/events", storage_options=access).to_pyarrow_table().num_rows

    def test_events_lie_in_the_object_store_and_every_start_finds_them(self):
        tables = f"s3://{BUCKET}/whodid"
        whodid = self.whodid("kept", tables)
        write_lines(whodid.folder / "first.ndjson", [action(n) for n in range(ACTIONS)])
        write_lines(whodid.folder / "again.ndjson", [action(n) for n in range(ACTIONS // 2, ACTIONS + 100)])
        whodid.start()
        whodid.run("import", whodid.folder / "first.ndjson")
        whodid.stop()
        self.assertEqual(self.rows(tables), ACTIONS)
        self.assertFalse((whodid.data / "tables").exists())

        # The folder remembers where its tables are.
        whodid = self.whodid("kept", None)
        whodid.start()
        self.assertEqual(whodid.count("*"), ACTIONS)
        whodid.run("import", whodid.folder / "again.ndjson")
        whodid.kill()
        whodid.start()
        self.assertEqual(whodid.count("*"), ACTIONS + 100)
        self.assertEqual(whodid.count("@action.name:CHECKOUT"), sum(1 for n in range(ACTIONS + 100) if n % 5))
        whodid.stop()
        self.assertEqual(self.rows(tables), ACTIONS + 100)
        checked = whodid.run("check", "--data", whodid.data)
        self.assertIn(f"{ACTIONS + 100} events in", checked)

    def test_a_folder_with_tables_of_its_own_does_not_move(self):
        whodid = self.whodid("settled", None)
        whodid.start()
        whodid.stop()
        with self.assertRaises(AssertionError):
            self.whodid("settled", f"s3://{BUCKET}/elsewhere").start()


if __name__ == "__main__":
    unittest.main()
