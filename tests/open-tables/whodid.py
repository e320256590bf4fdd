"""The real binary on a folder of its own. WHODID_BIN names the binary."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

BINARY = os.environ.get("WHODID_BIN", Path.home() / ".cache/whodid/target/debug/whodid")
KEYS = {"WHODID_API_KEY": "open-tables-api-key-0123456789", "WHODID_APP_KEY": "open-tables-app-key-0123456789"}
START_SECONDS = 20
STOP_SECONDS = 20


class Whodid:
    def __init__(self, folder, environment={}):
        self.folder = folder
        self.data = folder / "data"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("WHODID_")}
        self.environment |= KEYS | environment

    def start(self):
        address = self.folder / "address"
        address.unlink(missing_ok=True)
        keys = {
            "WHODID_BOOTSTRAP_API_KEY": KEYS["WHODID_API_KEY"],
            "WHODID_BOOTSTRAP_APP_KEY": KEYS["WHODID_APP_KEY"],
        }
        arguments = ["serve", "--data", self.data, "--listen", "127.0.0.1:0", "--write-address", address]
        self.server = subprocess.Popen([BINARY, *arguments], env=self.environment | keys, stderr=subprocess.DEVNULL)
        until = time.monotonic() + START_SECONDS
        while not (address.exists() and address.read_text().strip()):
            assert self.server.poll() is None and time.monotonic() < until, "the server did not start"
            time.sleep(0.05)
        self.environment["WHODID_URL"] = address.read_text().strip()

    def stop(self):
        self.server.send_signal(signal.SIGTERM)
        assert self.server.wait(STOP_SECONDS) == 0

    def kill(self):
        self.server.kill()
        self.server.wait(STOP_SECONDS)

    def run(self, *arguments):
        done = subprocess.run([BINARY, *arguments], env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def count(self, search):
        return json.loads(self.run("query", search, "--json"))["count"]


def write_lines(path, events):
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
