"""Journeys, retention and pathways through the official client, against every way to pick the events."""

import itertools
import unittest
from collections import Counter, defaultdict

from datadog_api_client.exceptions import ApiException
from datadog_api_client.v2.api.product_analytics_api import ProductAnalyticsApi

from harness import DAY_MS, HOUR_MS, shop

NODES = {
    "A": ("@type:view @view.name:/home", lambda row: row["type"] == "view" and row.get("view.name") == "/home"),
    "B": ("@type:view @view.name:/cart", lambda row: row["type"] == "view" and row.get("view.name") == "/cart"),
    "C": ("@action.name:CHECKOUT", lambda row: row.get("action.name") == "CHECKOUT"),
}
KEYS = {"@session.id": "session", "@usr.id": "user", "@account.id": "account"}


def base(query):
    return {"data_source": "product_analytics", "search": {"query": query}}


def identity(row, key):
    """Anonymous users are users, too."""
    if key == "@usr.id" and "usr.id" not in row:
        return f"anonymous:{row['usr.anonymous_id']}" if "usr.anonymous_id" in row else None
    return row.get(key.removeprefix("@"))


def by_entity(events, key):
    entities = defaultdict(list)
    for row in events:
        if identity(row, key) is not None:
            entities[identity(row, key)].append(row)
    return {who: sorted(rows, key=lambda row: row["ts"]) for who, rows in entities.items()}


def attempt(rows, steps, window_ms):
    """The rows of the attempt that counts: the furthest, of those the first to get there, of those the first to start."""
    for depth in range(len(steps), 0, -1):
        candidates = [[row for row in rows if NODES[step][1](row)] for step in steps[:depth]]
        found = [
            picked
            for picked in itertools.product(*candidates)
            if all(a["ts"] <= b["ts"] and a is not b for a, b in zip(picked, picked[1:]))
            and (window_ms is None or picked[-1]["ts"] - picked[0]["ts"] <= window_ms)
        ]
        if found:
            return min(found, key=lambda picked: (picked[-1]["ts"], [row["ts"] for row in picked]))
    return ()


def search(steps, key, window_ms=None, **filters):
    if window_ms is not None:
        filters["graph_filters"] = [{"name": "__dd.time_to_convert", "operator": "<=", "value": window_ms}]
    asked = {
        "expression": " -> ".join(steps),
        "node_objects": {step: base(NODES[step][0]) for step in steps},
        "join_keys": {"primary": key},
    }
    return asked | ({"filters": filters} if filters else {})


class Compared(unittest.TestCase):
    def setUp(self):
        self.shop = shop()
        # Server events are stamped on arrival, so they are left out of what depends on time.
        self.events = [row for row in self.shop.events if row["type"] != "server"]

    def ask(self, operation, model, kind, attributes):
        body = {"data": {"type": kind, "attributes": attributes}}
        return self.shop.ask(ProductAnalyticsApi, operation, model, body)["data"]["attributes"]

    def ranged(self, query, **more):
        return {"from": self.shop.from_ms, "to": self.shop.to_ms, "query": query} | more


class Journeys(Compared):
    def funnel(self, query):
        return self.ask(
            "query_product_analytics_journey_funnel", "ProductAnalyticsJourneyFunnelRequest", "journey_request", self.ranged(query)
        )

    def scalar(self, query):
        answer = self.ask(
            "query_product_analytics_journey_scalar",
            "ProductAnalyticsJourneyScalarRequest",
            "formula_journey_request",
            self.ranged(query),
        )
        return answer["columns"]

    def list(self, query):
        return self.ask(
            "query_product_analytics_journey_list", "ProductAnalyticsJourneyListRequest", "journey_list_request", self.ranged(query)
        )

    def attempts(self, steps, key, window_ms):
        attempts = {who: attempt(rows, steps, window_ms) for who, rows in by_entity(self.events, key).items()}
        return {who: picked for who, picked in attempts.items() if picked}

    def test_funnels_and_who_is_behind_each_number(self):
        for key, window_ms, steps in itertools.product(KEYS, [None, 24 * HOUR_MS], ["AB", "ABC", "BC"]):
            with self.subTest(key=key, window_ms=window_ms, steps=steps):
                steps = list(steps)
                attempts = self.attempts(steps, key, window_ms)
                funnel = self.funnel({"search": search(steps, key, window_ms)})
                reached = [sum(len(picked) > step for picked in attempts.values()) for step in range(len(steps))]
                self.assertEqual([step["value"] for step in funnel["funnel_steps"]], reached)
                self.assertEqual([step["label"] for step in funnel["funnel_steps"]], steps)
                self.assertEqual(funnel["initial_count"], reached[0])
                self.assertAlmostEqual(funnel["end_to_end_conversion_rate"], reached[-1] / reached[0])
                times = [picked[-1]["ts"] - picked[0]["ts"] for picked in attempts.values() if len(picked) == len(steps)]
                if times:
                    elapsed = {"min": min(times), "max": max(times), "avg": sum(times) // len(times)}
                    self.assertEqual(funnel["end_to_end_elapsed_time"], elapsed)
                for kind, wanted in [
                    ("conversion", {who for who, picked in attempts.items() if len(picked) == len(steps)}),
                    ("drop-off", {who for who, picked in attempts.items() if len(picked) < len(steps)}),
                ]:
                    target = {"type": "path", "start": steps[0], "end": steps[-1]}
                    asked = {"search": search(steps, key, window_ms), "target": target, "conversion_type": kind}
                    answer = self.list(asked)
                    self.assertEqual(str(answer["entity"]), KEYS[key])
                    self.assertEqual(answer["total_count"], len(wanted))
                    self.assertEqual({str(record[key]) for record in answer["records"]}, wanted)

    def test_groups_of_a_funnel_add_up(self):
        steps = ["A", "B"]
        attempts = self.attempts(steps, "@session.id", None)
        query = {
            "search": search(steps, "@session.id"),
            "group_by": [{"facet": "@geo.country", "limit": 10, "target": {"type": "node", "value": "A"}}],
        }
        funnel = self.funnel(query)
        for number, step in enumerate(funnel["funnel_steps"]):
            expected = Counter(picked[0]["geo.country"] for picked in attempts.values() if len(picked) > number)
            answered = {group["group_tags"][0]: group["value"] for group in step["groups"]}
            self.assertEqual({tag: n for tag, n in answered.items() if n}, dict(expected))

    def test_numbers_and_series(self):
        steps, key = ["A", "C"], "@usr.id"
        attempts = self.attempts(steps, key, None)
        converted = [picked for picked in attempts.values() if len(picked) == 2]
        times = sorted(picked[1]["ts"] - picked[0]["ts"] for picked in converted)

        def number(aggregation, metric):
            compute = {"aggregation": aggregation, "metric": metric}
            return self.scalar({"search": search(steps, key), "compute": compute})[-1]["values"][0]

        self.assertEqual(number("cardinality", "__dd.conversion"), len(converted))
        self.assertAlmostEqual(number("cardinality", "__dd.conversion_rate"), len(converted) / len(attempts))
        self.assertAlmostEqual(number("cardinality", "__dd.dropoff_rate"), 1 - len(converted) / len(attempts))
        self.assertAlmostEqual(number("avg", "__dd.time_to_convert"), sum(times) / len(times))
        self.assertEqual(number("min", "__dd.time_to_convert"), times[0])
        self.assertEqual(number("max", "__dd.time_to_convert"), times[-1])
        query = {"search": search(steps, key), "compute": {"aggregation": "cardinality", "metric": "__dd.conversion", "interval": DAY_MS}}
        series = self.ask(
            "query_product_analytics_journey_timeseries",
            "ProductAnalyticsFormulaJourneyRequest",
            "formula_journey_request",
            self.ranged(query),
        )
        expected = Counter(picked[0]["ts"] // DAY_MS * DAY_MS for picked in converted)
        answered = dict(zip(series["times"], series["values"][0]))
        self.assertEqual({time: n for time, n in answered.items() if n}, dict(expected))

    def test_lists_carry_columns_of_the_event_at_the_target(self):
        steps, key = ["A", "B"], "@session.id"
        converted = {who: picked for who, picked in self.attempts(steps, key, None).items() if len(picked) == 2}
        query = {
            "search": search(steps, key),
            "target": {"type": "node", "value": "B"},
            "conversion_type": "conversion",
            "entity_columns": ["@geo.country", "@view.time_spent"],
            "computed_columns": [{"name": "first_conversion_timestamps"}],
            "sort": {"facet": "@view.time_spent", "order": "asc"},
            "limit": 3,
        }
        answer = self.list(query)
        self.assertEqual(answer["total_count"], len(converted))
        self.assertEqual(len(answer["records"]), min(3, len(converted)))
        spent = sorted(picked[1]["view.time_spent"] for picked in converted.values())
        self.assertEqual([record["@view.time_spent"] for record in answer["records"]], spent[:3])
        for record in answer["records"]:
            picked = converted[str(record["@session.id"])]
            self.assertEqual(record["@geo.country"], picked[1]["geo.country"])
            self.assertEqual((record["A_timestamp"], record["B_timestamp"]), (picked[0]["ts"], picked[1]["ts"]))
            self.assertEqual(record["timestamp"], picked[1]["ts"])

    def test_what_cannot_be_meant_is_refused_by_name(self):
        asked = search(["A", "B"], "@usr.id")
        for change, named in [
            ({"expression": "A -> Z"}, "expression"),
            ({"join_keys": {"primary": "@view.name"}}, "join_keys"),
            ({"filters": {"audience_filters": {"segments": [{"name": "s", "segment_id": "none"}]}}}, "segment"),
        ]:
            with self.assertRaises(ApiException) as refused:
                self.funnel({"search": asked | change})
            self.assertEqual(refused.exception.status, 400)
            self.assertIn(named, str(refused.exception.body))


class Retention(Compared):
    def search(self, key, condition, returning=None):
        interval = {"type": "calendar", "value": {"type": "day", "timezone": "UTC"}}
        asked = {
            "cohort_criteria": {"base_query": base("@type:view"), "time_interval": interval},
            "retention_entity": key,
            "return_condition": condition,
        }
        if returning:
            asked["return_criteria"] = {"base_query": base(NODES[returning][0]), "time_interval": interval}
        return asked

    def expected(self, key, condition, returning):
        """Per cohort day who joined, and who returned how many days later."""
        joined, returned = defaultdict(set), defaultdict(set)
        last = (self.shop.to_ms - 1) // DAY_MS
        for who, rows in by_entity(self.events, key).items():
            first = next((row for row in rows if row["type"] == "view"), None)
            if first is None:
                continue
            day = first["ts"] // DAY_MS
            joined[day].add(who)
            is_return = NODES[returning][1] if returning else lambda row: row["type"] == "view"
            days = {row["ts"] // DAY_MS for row in rows if is_return(row) and row["ts"] >= first["ts"] and row is not first}
            if not returning:
                days.add(day)
            for period in range(last - day + 1):
                hit = any(d >= day + period for d in days) if condition.endswith("after") else day + period in days
                if hit:
                    returned[day, period].add(who)
        return joined, returned

    def test_grids_cells_and_lists(self):
        conditions = ["conversion_on", "conversion_on_or_after"]
        for key, condition, returning in itertools.product(["@usr.id", "@account.id"], conditions, [None, "C"]):
            with self.subTest(key=key, condition=condition, returning=returning):
                joined, returned = self.expected(key, condition, returning)
                asked = self.search(key, condition, returning)
                query = {"search": asked, "compute": {"aggregation": "count", "metric": "__dd.retention"}}
                grid = self.ask(
                    "query_product_analytics_retention_grid", "ProductAnalyticsRetentionGridRequest", "retention_grid_request", self.ranged(query)
                )
                raw = [cohort for cohort in grid["cohorts"] if str(cohort["type"]) == "raw"]
                self.assertEqual(len(raw), (self.shop.to_ms - 1) // DAY_MS - self.shop.from_ms // DAY_MS + 1)
                for cohort in raw:
                    day = cohort["cohort_start_time"] // DAY_MS
                    self.assertEqual(cohort["cohort_size"], len(joined[day]))
                    for cell in cohort["cells"]:
                        self.assertEqual(cell["cell_count"], len(returned[day, cell["return_period_index"]]))
                self.average(raw, grid)
                biggest = max(raw, key=lambda cohort: cohort["cohort_size"])
                self.listed(asked, biggest, returned)

    def average(self, raw, grid):
        aggregated = [cohort for cohort in grid["cohorts"] if str(cohort["type"]) == "aggregated"][0]
        for cell in aggregated["cells"]:
            period = cell["return_period_index"]
            complete = [c for c in raw if len(c["cells"]) > period and not c["cells"][period]["is_partial_data"]]
            size = sum(cohort["cohort_size"] for cohort in complete)
            if size:
                rate = sum(cohort["cells"][period]["cell_count"] for cohort in complete) / size
                self.assertAlmostEqual(cell["cell_rate"], rate)

    def listed(self, asked, cohort, returned):
        def index(value):
            return {"type": "index", "value": value}

        for period in range(len(cohort["cells"])):
            scope = {"type": "cell", "cohort_target": index(cohort["cohort_index"]), "return_period_target": index(period)}
            query = {"search": asked, "computation_scope": scope, "columns": [{"field": {"path": asked["retention_entity"]}}]}
            answer = self.ask(
                "query_product_analytics_retention_list", "ProductAnalyticsRetentionListRequest", "retention_list_request", self.ranged(query)
            )
            found = {str(record[asked["retention_entity"]]) for record in answer["records"]}
            self.assertEqual(found, returned[cohort["cohort_start_time"] // DAY_MS, period])

    def test_one_period_as_a_number_and_as_a_series(self):
        joined, returned = self.expected("@usr.id", "conversion_on", None)
        scope = {"type": "return_period", "target": {"type": "index", "value": 1}}
        compute = {"aggregation": "count", "metric": "__dd.retention"}
        query = {"search": self.search("@usr.id", "conversion_on"), "compute": compute, "computation_scope": scope}
        for operation, model in [("scalar", "ProductAnalyticsRetentionGridRequest"), ("timeseries", "ProductAnalyticsRetentionGridRequest")]:
            import inspect

            api = getattr(ProductAnalyticsApi, f"query_product_analytics_retention_{operation}")
            model = inspect.signature(api).parameters["body"].annotation
            model = model if isinstance(model, str) else model.__name__
            answer = self.ask(f"query_product_analytics_retention_{operation}", model, "formula_retention_request", self.ranged(query))
            if operation == "timeseries":
                answered = dict(zip(answer["times"], answer["values"][0]))
                expected = {day * DAY_MS: len(returned[day, 1]) for day in joined}
                self.assertEqual({t: n for t, n in answered.items() if n}, {t: n for t, n in expected.items() if n})
            else:
                self.assertEqual(len(answer["columns"][-1]["values"]), 1)


class Pathways(Compared):
    def test_the_weight_in_is_the_weight_out(self):
        definition = {"source": "@view.name", "target": "@view.name", "number_of_steps": 3, "entries_per_step": 2}
        time = {"from": self.shop.from_ms, "to": self.shop.to_ms}
        answer = self.ask(
            "query_product_analytics_sankey",
            "ProductAnalyticsSankeyRequest",
            "sankey_request",
            {"definition": definition, "search": {"query": "@type:view"}, "time": time},
        )
        paths = []
        for rows in by_entity(self.events, "@session.id").values():
            names = [row["view.name"] for row in rows if row["type"] == "view"]
            paths.append(list(dict.fromkeys(names)))
        nodes = {node["id"]: node for node in answer["nodes"]}
        self.assertEqual(len(nodes), len(answer["nodes"]))
        for node in answer["nodes"]:
            column = node["column"]
            there = [path for path in paths if len(path) > column]
            names = [one["name"] for one in node["aggregated_nodes"]] or [node["name"]]
            self.assertEqual(node["value"], sum(path[column] in names for path in there))
            self.assertEqual(node["dropoff_value"], sum(path[column] in names and len(path) == column + 1 for path in there))
            ins = sum(link["value"] for link in answer["links"] if link["target"] == node["id"])
            outs = sum(link["value"] for link in answer["links"] if link["source"] == node["id"])
            self.assertEqual((node["incoming_value"], node["outgoing_value"]), (ins, outs))
            self.assertEqual(node["value"], outs + node["dropoff_value"])
            self.assertIn(node["value"], (ins, node["value"] if column == 0 else ins))


if __name__ == "__main__":
    unittest.main()
