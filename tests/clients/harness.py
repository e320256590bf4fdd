"""The real binary, the official Python client, and a small shop whose every event is known.

A test file beside this one asks for `shop()`, asks the server through `Shop.ask`, and computes what has to come out from
`Shop.events` by itself. WHODID_BIN names the binary.
"""

import atexit
import functools
import json
import os
import random
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections import defaultdict
from pathlib import Path

from datadog_api_client import ApiClient, Configuration
from datadog_api_client.model_utils import validate_and_convert_types

BINARY = os.environ.get("WHODID_BIN", Path.home() / ".cache/whodid/target/debug/whodid")
API_KEY = "clients-test-api-key-0123456789"
APP_KEY = "clients-test-app-key-0123456789"
BASE = "/api/v2/product-analytics"
START_SECONDS = 30
STOP_SECONDS = 30

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MINUTE_MS = 60_000


class Whodid:
    """The real binary on a folder of its own."""

    def __init__(self):
        self.temporary = tempfile.TemporaryDirectory()
        folder = Path(self.temporary.name)
        address = folder / "address"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WHODID_")}
        environment |= {"WHODID_BOOTSTRAP_API_KEY": API_KEY, "WHODID_BOOTSTRAP_APP_KEY": APP_KEY}
        arguments = ["serve", "--data", folder / "data", "--listen", "127.0.0.1:0", "--write-address", address]
        self.server = subprocess.Popen([BINARY, *arguments], env=environment, stderr=subprocess.DEVNULL)
        until = time.monotonic() + START_SECONDS
        while not (address.exists() and address.read_text().strip()):
            assert self.server.poll() is None and time.monotonic() < until, "the server did not start"
            time.sleep(0.05)
        self.url = address.read_text().strip()

    def stop(self):
        self.server.send_signal(signal.SIGTERM)
        self.server.wait(STOP_SECONDS)
        self.temporary.cleanup()

    def client(self):
        """With everything allowed that the client calls unstable."""
        configuration = Configuration(host=self.url)
        configuration.api_key["apiKeyAuth"] = API_KEY
        configuration.api_key["appKeyAuth"] = APP_KEY
        for operation in [name for name in configuration.unstable_operations.values if name.startswith("v2.")]:
            configuration.unstable_operations[operation.removeprefix("v2.")] = True
        return ApiClient(configuration)

    def request(self, method, path, body=None):
        """Status and JSON, for what the official client does not have."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"DD-API-KEY": API_KEY, "DD-APPLICATION-KEY": APP_KEY, "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request) as response:
                text = response.read()
                return response.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def send_rum(self, events):
        lines = "\n".join(json.dumps(event) for event in events).encode()
        request = urllib.request.Request(f"{self.url}/api/v2/rum?dd-api-key={API_KEY}", lines, method="POST")
        with urllib.request.urlopen(request) as response:
            assert response.status == 202, response.status


def flat(json_value, prefix=""):
    """Attributes by dotted path."""
    paths = {}
    for name, value in json_value.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict):
            paths |= flat(value, path + ".")
        else:
            paths[path] = value
    return paths


class Shop:
    """A few users over six days, some of them anonymous at first, in two accounts."""

    PAGES = ["/home", "/cart", "/product/?", "/checkout"]
    BUTTONS = ["ADD TO CART", "CHECKOUT", "HELP"]

    def __init__(self, whodid):
        self.whodid = whodid
        self.client = whodid.client()
        now_ms = int(time.time() * 1000)
        self.from_ms = now_ms // DAY_MS * DAY_MS - 6 * DAY_MS
        # Nothing the shop sent through the browser is later.
        self.rum_until_ms = now_ms // HOUR_MS * HOUR_MS - HOUR_MS
        self.to_ms = now_ms + HOUR_MS
        self.random = random.Random(7)
        self.rum = []
        for visit in range(60):
            self.visit(visit)
        shuffled = self.rum + self.random.sample(self.rum, 30)
        self.random.shuffle(shuffled)
        for first in range(0, len(shuffled), 50):
            self.whodid.send_rum(shuffled[first : first + 50])
        self.server_events = self.send_server_events()
        self.events = self.known_events()

    def visit(self, number):
        chance = self.random
        person = chance.randrange(14)
        start_ms = chance.randrange(self.from_ms, self.rum_until_ms - HOUR_MS)
        session = str(uuid.UUID(int=chance.getrandbits(128)))
        known = person < 11 and chance.random() < 0.8
        context = {"application": {"id": "6a0c3f52-3c1e-4f7e-9d63-2f1c7a0b9d11"}, "session": {"id": session, "type": "user"}}
        context["usr"] = {"anonymous_id": f"device-{person}"}
        if known:
            context["usr"] |= {"id": f"user-{person}", "email": f"user-{person}@shop.example", "plan": ["free", "gold", "team"][person % 3]}
            if person % 4 != 3:
                context["account"] = {"id": f"account-{person % 4}", "name": f"Account {person % 4}"}
        context["geo"] = {"country": ["Brazil", "France", "Japan"][person % 3], "country_iso_code": ["BR", "FR", "JP"][person % 3]}
        context["service"] = "shop"
        at_ms = start_ms
        for step in range(chance.randrange(1, 6)):
            page = chance.choice(self.PAGES)
            view = {"id": str(uuid.UUID(int=chance.getrandbits(128))), "name": page, "url": f"https://shop.example{page}"}
            spent_ms = chance.randrange(1, 20) * 1000
            state = {"time_spent": spent_ms * 1_000_000, "action": {"count": 0}, "error": {"count": chance.randrange(2)}}
            state["frustration"] = {"count": chance.randrange(2)}
            cart = {"cart": {"total": chance.randrange(400) / 4}, "tags": chance.sample(["new", "sale", "vip"], chance.randrange(3))}
            versions = chance.randrange(1, 3)
            for version in range(1, versions + 1):
                # The last version decides; the one before says another time spent.
                now = state | {"time_spent": state["time_spent"] // (1 + versions - version)}
                seen = {"type": "view", "date": at_ms, "view": view | now, "context": cart}
                self.rum.append(context | seen | {"_dd": {"document_version": version, "format_version": 2}})
            for click in range(chance.randrange(3)):
                action = {"id": str(uuid.UUID(int=chance.getrandbits(128))), "type": "click", "target": {"name": chance.choice(self.BUTTONS)}}
                self.rum.append(context | {"type": "action", "date": at_ms + (click + 1) * 100, "view": view, "action": action})
            at_ms += spent_ms

    def send_server_events(self):
        from datadog_api_client.v2.api.product_analytics_api import ProductAnalyticsApi

        sent = []
        for number in range(6):
            event = {"type": "server", "application": {"id": "backend"}, "event": {"name": "payment"}, "usr": {"id": f"user-{number % 4}"}, "payment": {"amount": 10.5 * number}}
            before_ms = int(time.time() * 1000)
            self.ask(ProductAnalyticsApi, "submit_product_analytics_event", "ProductAnalyticsServerSideEventItem", event, is_answer=False)
            sent.append(event | {"date": before_ms})
        return sent

    def known_events(self):
        """One flat row per event in its last version, under its resolved user, with `type`, `ts` (ms) and `id`."""
        views, rows = {}, {}
        for event in self.rum:
            if event["type"] == "view":
                known = views.get(event["view"]["id"])
                if known is None or known["_dd"]["document_version"] < event["_dd"]["document_version"]:
                    views[event["view"]["id"]] = event
            else:
                rows[event["action"]["id"]] = event
        events = []
        for event in [*views.values(), *rows.values(), *self.server_events]:
            row = flat({name: value for name, value in event.items() if name not in ("_dd", "date")})
            row["ts"] = event["date"]
            row["id"] = row.get(f"{event['type']}.id")
            if "action.target.name" in row:
                row["action.name"] = row["action.target.name"]
            events.append(row)
        owners = defaultdict(list)
        for row in events:
            if "usr.id" in row and "usr.anonymous_id" in row:
                owners[row["usr.anonymous_id"]].append((row["ts"], row["usr.id"]))
        for row in events:
            if "usr.id" not in row and row.get("usr.anonymous_id") in owners:
                row["usr.id"] = min(owners[row["usr.anonymous_id"]])[1]
        return events

    def ask(self, api, operation, model, body, is_answer=True):
        """Calls an operation with a body that is read into the client's own model; answers as plain dictionaries."""
        import datadog_api_client.v2.models as models

        configuration = self.client.configuration
        body = validate_and_convert_types(body, (getattr(models, model),), ["body"], True, True, configuration)
        answer = getattr(api(self.client), operation)(body=body)
        if is_answer:
            assert not answer._unparsed, answer
            return answer.to_dict()
        return answer

    def segment(self, name, definition):
        """Saves a segment and answers its id."""
        body = {"data": {"type": "segment", "attributes": {"name": name, "definition": definition}}}
        status, answer = self.whodid.request("POST", f"{BASE}/segments", body)
        assert status == 201, answer
        return answer["data"]["id"]


@functools.cache
def shop():
    """One for all test files of a run."""
    whodid = Whodid()
    atexit.register(whodid.stop)
    return Shop(whodid)
