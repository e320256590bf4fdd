"""Numbers, series and lists of events through the official client, against a count event by event."""

import itertools
import json
import unittest
from collections import defaultdict

from datadog_api_client.exceptions import ApiException
from datadog_api_client.v2.api.metrics_api import MetricsApi
from datadog_api_client.v2.api.product_analytics_api import ProductAnalyticsApi

from harness import BASE, DAY_MS, HOUR_MS, shop

EVENTS = "product_analytics"
USERS_SOURCE = "product_analytics_audience_filters.users"


def base(query="", **more):
    return {"data_source": EVENTS, "search": {"query": query, **more}}


def request(query, kind="formula_analytics_extended_request"):
    s = shop()
    return {"data": {"type": kind, "attributes": {"from": s.from_ms, "to": s.to_ms, "query": query}}}


def values(row, facet):
    """What a row counts under: each value of a list once, N/A for none."""
    value = row.get(facet.removeprefix("@"))
    found = sorted(set(value)) if isinstance(value, list) else [value]
    return [text(one) for one in found if one is not None] or ["N/A"]


def text(value):
    return "true" if value is True else "false" if value is False else str(value)


def number(aggregation, rows, metric=None):
    if aggregation == "count":
        return len(rows)
    found = [row[metric] for row in rows if row.get(metric) is not None]
    if aggregation == "cardinality":
        return len({text(one) for one in found})
    found = sorted(one for one in found if isinstance(one, (int, float)))
    if not found:
        return None
    if aggregation in ("sum", "min", "max"):
        return {"sum": sum, "min": min, "max": max}[aggregation](found)
    if aggregation == "avg":
        return sum(found) / len(found)
    share = 0.5 if aggregation == "median" else float(aggregation[2:]) / 100
    place = share * (len(found) - 1)
    low, high = found[int(place)], found[min(int(place) + 1, len(found) - 1)]
    return low + (high - low) * (place - int(place))


def grouped(rows, facets):
    groups = defaultdict(list)
    for row in rows:
        for group in itertools.product(*(values(row, facet) for facet in facets)):
            groups[group].append(row)
    return groups


class Analytics(unittest.TestCase):
    def setUp(self):
        self.shop = shop()
        self.events = self.shop.events

    def scalar(self, query):
        answer = self.shop.ask(ProductAnalyticsApi, "query_product_analytics_scalar", "ProductAnalyticsAnalyticsRequest", request(query))
        columns = answer["data"]["attributes"]["columns"]
        self.assertEqual(answer["meta"]["status"].value if hasattr(answer["meta"]["status"], "value") else answer["meta"]["status"], "done")
        *groups, numbers = [column["values"] for column in columns]
        return [(tuple(text(group[row]) for group in groups), numbers[row]) for row in range(len(numbers))]

    def check(self, answered, expected):
        answered, expected = dict(answered), {group: n for group, n in expected.items() if n is not None}
        self.assertEqual(answered.keys(), expected.keys())
        for group, n in expected.items():
            # Between two values a percentile is interpolated in steps of a millionth of their distance.
            self.assertAlmostEqual(answered[group], n, delta=1e-4, msg=group)

    def test_every_aggregation_by_every_facet(self):
        searches = {
            "": lambda row: True,
            "@type:view": lambda row: row["type"] == "view",
            "@type:action @action.name:CHECKOUT": lambda row: row.get("action.name") == "CHECKOUT",
            "@geo.country_iso_code:(BR OR FR) -@view.name:/cart": lambda row: row.get("geo.country_iso_code") in ("BR", "FR") and row.get("view.name") != "/cart",
            "@context.cart.total:>=50": lambda row: row.get("context.cart.total", 0) >= 50,
        }
        computes = [("count", None), ("cardinality", "usr.id"), ("cardinality", "session.id"), ("cardinality", "account.id")]
        computes += [(name, "context.cart.total") for name in ("sum", "avg", "min", "max", "median", "pc90", "pc99.9")]
        for (search, passes), (aggregation, metric), facets in itertools.product(
            searches.items(), computes, [[], ["@view.name"], ["@context.tags"], ["@type", "@usr.id", "@geo.country"]]
        ):
            with self.subTest(search=search, aggregation=aggregation, metric=metric, facets=facets):
                compute = {"aggregation": aggregation} | ({"metric": f"@{metric}"} if metric else {})
                group_by = [{"facet": facet, "limit": 100} for facet in facets]
                answered = self.scalar({"query": base(search), "compute": compute, "group_by": group_by})
                rows = [row for row in self.events if passes(row)]
                groups = grouped(rows, facets) if facets else {(): rows}
                self.check(answered, {group: number(aggregation, rows, metric) for group, rows in groups.items()})

    def test_groups_are_ordered_limited_and_may_leave_out_the_missing(self):
        order = lambda groups: sorted(groups, key=lambda item: (-item[1], item[0] == ("N/A",), item[0]))
        counts = {group: len(rows) for group, rows in grouped(self.events, ["@view.name"]).items()}
        known = [(group, n) for group, n in counts.items() if group != ("N/A",)]
        by = {"facet": "@view.name", "limit": 2, "should_exclude_missing": True}
        answered = self.scalar({"query": base(), "compute": {"aggregation": "count"}, "group_by": [by]})
        self.assertEqual(answered, order(known)[:2])
        by = {"facet": "@view.name", "should_exclude_missing": True, "sort": {"aggregation": "cardinality", "metric": "@usr.id", "order": "asc"}}
        answered = self.scalar({"query": base(), "compute": {"aggregation": "count"}, "group_by": [by]})
        users = {group: number("cardinality", rows, "usr.id") for group, rows in grouped(self.events, ["@view.name"]).items()}
        self.assertEqual([group for group, _ in answered], sorted((group for group, _ in known), key=lambda group: (users[group], group)))

    def test_active_users_of_a_segment_by_their_events(self):
        clicked = {"performed": {"steps": [{"event": "@type:action @action.name:CHECKOUT"}], "during": {"last": "30d"}}}
        segment = self.shop.segment("Clicked checkout", {"entity": "user", "where": clicked})
        members = {row["usr.id"] for row in self.events if row.get("action.name") == "CHECKOUT" and "usr.id" in row}
        month = {"data": {"type": "formula_analytics_extended_request", "attributes": {
            "from": self.shop.to_ms - 30 * DAY_MS, "to": self.shop.to_ms,
            "query": {"query": base(), "compute": {"aggregation": "count"},
                      "group_by": [{"facet": "@usr.id", "limit": 50, "should_exclude_missing": True, "sort": {"order": "desc"}}],
                      "audience_filters": {"segments": [{"name": "s", "segment_id": segment}], "formula": "s"}}}}}
        answer = self.shop.ask(ProductAnalyticsApi, "query_product_analytics_scalar", "ProductAnalyticsAnalyticsRequest", month)
        ids, counts = [column["values"] for column in answer["data"]["attributes"]["columns"]]
        expected = defaultdict(int)
        for row in self.events:
            if row.get("usr.id") in members:
                expected[row["usr.id"]] += 1
        self.assertGreater(len(members), 2)
        self.assertEqual(list(zip(ids, counts)), sorted(expected.items(), key=lambda item: (-item[1], item[0])))

    def test_audiences_by_formula(self):
        gold = lambda row: row.get("usr.id") in {r["usr.id"] for r in self.events if r.get("usr.plan") == "gold"}
        account = lambda row: row.get("account.id") == "account-0"
        user = lambda row: "usr.id" in row or "usr.anonymous_id" in row
        filters = {"users": [{"name": "gold", "query": "user_plan:gold"}, {"name": ""}], "accounts": [{"name": "acc", "query": "account_id:account-0"}]}
        for formula, passes in [
            ("gold", gold),
            ("gold AND acc", lambda row: gold(row) and account(row)),
            ("gold OR acc", lambda row: gold(row) or account(row)),
            ("NOT gold", lambda row: user(row) and not gold(row)),
            ("acc AND NOT (gold)", lambda row: account(row) and not gold(row)),
        ]:
            with self.subTest(formula=formula):
                query = {"query": base("@type:view"), "compute": {"aggregation": "count"}, "audience_filters": filters | {"formula": formula}}
                self.check(self.scalar(query), {(): sum(row["type"] == "view" and passes(row) for row in self.events)})

    def test_occurrences(self):
        for operator, value in [(">=", 5), ("=", 3), ("<", 4)]:
            with self.subTest(operator=operator, value=value):
                search = {"data_source": "product_analytics_occurrence", "search": {"query": "@type:action", "occurrences": {"operator": operator, "value": str(value)}}}
                query = {"query": search, "compute": {"aggregation": "count"}, "group_by": [{"facet": "@usr.id", "limit": 100}]}
                counts = {group: len(rows) for group, rows in grouped([r for r in self.events if r["type"] == "action" and "usr.id" in r], ["@usr.id"]).items()}
                holds = {">=": int.__ge__, "=": int.__eq__, "<": int.__lt__}[operator]
                self.check(self.scalar(query), {group: n for group, n in counts.items() if holds(n, value)})

    def test_groups_by_profile(self):
        plans = {row["usr.id"]: row["usr.plan"] for row in self.events if "usr.plan" in row}
        rows = [row | {"plan": plans.get(row.get("usr.id"))} for row in self.events]
        by = {"facet": "user_plan", "source": USERS_SOURCE}
        answered = self.scalar({"query": base(), "compute": {"aggregation": "cardinality", "metric": "@session.id"}, "group_by": [by]})
        self.check(answered, {group: number("cardinality", rows, "session.id") for group, rows in grouped(rows, ["plan"]).items()})

    def test_series(self):
        for interval_ms, facets in [(DAY_MS, []), (6 * HOUR_MS, ["@geo.country"]), (7 * DAY_MS, ["@context.tags", "@type"])]:
            for aggregation, metric in [("count", None), ("cardinality", "usr.id"), ("avg", "context.cart.total")]:
                with self.subTest(interval_ms=interval_ms, facets=facets, aggregation=aggregation):
                    compute = {"aggregation": aggregation, "interval": interval_ms} | ({"metric": f"@{metric}"} if metric else {})
                    query = {"query": base(), "compute": compute, "group_by": [{"facet": facet, "limit": 100} for facet in facets]}
                    answer = self.shop.ask(ProductAnalyticsApi, "query_product_analytics_timeseries", "ProductAnalyticsAnalyticsRequest", request(query))
                    attributes = answer["data"]["attributes"]
                    first = self.shop.from_ms // interval_ms * interval_ms
                    times = list(range(first, self.shop.to_ms, interval_ms))
                    self.assertEqual(attributes["times"], times)
                    self.assertEqual(attributes["intervals"][0]["milliseconds"], interval_ms)
                    cells = defaultdict(list)
                    for group, rows in (grouped(self.events, facets) if facets else {(): self.events}).items():
                        for row in rows:
                            cells[group, row["ts"] // interval_ms * interval_ms].append(row)
                    groups = {group for group, _ in cells}
                    tags = [tuple(series["group_tags"]) for series in attributes["series"]]
                    self.assertEqual(set(tags), groups)
                    for group, found in zip(tags, attributes["values"]):
                        for time, value in zip(times, found):
                            expected = number(aggregation, cells[group, time], metric)
                            if expected is None:
                                self.assertIsNone(value)
                            else:
                                self.assertAlmostEqual(value, expected, places=6)

    def test_lists(self):
        columns = ["@view.name", "@usr.id", "@view.id", "@context.cart.total"]
        rows = [row for row in self.events if row["type"] == "view"]
        for sort, key in [
            (None, lambda row: (-row["ts"], row["view.id"])),
            ({"facet": "@context.cart.total", "order": "asc"}, lambda row: (row["context.cart.total"], -row["ts"], row["view.id"])),
        ]:
            with self.subTest(sort=sort):
                query = {"query": base("@type:view"), "columns": columns, "limit": 25} | ({"sort": sort} if sort else {})
                body = request(query, "formula_analytics_extended_list_request")
                status, answer = self.shop.whodid.request("POST", f"{BASE}/analytics/list", body)
                self.assertEqual(status, 200, answer)
                expected = [{column: row.get(column[1:]) for column in columns} for row in sorted(rows, key=key)[:25]]
                self.assertEqual(answer["data"]["attributes"]["records"], expected)
                self.assertEqual(answer["data"]["attributes"]["total_count"], len(rows))
                answer = self.shop.ask(ProductAnalyticsApi, "query_product_analytics_list", "ProductAnalyticsAnalyticsListRequest", body)
                self.assertEqual(answer["data"]["attributes"]["total_count"], len(rows))

    def sessions(self):
        """Session rows by another way than the server's."""
        by_id = defaultdict(list)
        for row in self.events:
            if row["type"] != "server" and "session.id" in row:
                by_id[row["session.id"]].append(row)
        for id, rows in by_id.items():
            rows.sort(key=lambda row: row["ts"])
            views = [row for row in rows if row["type"] == "view"]
            yield {
                "type": "session",
                "ts": rows[0]["ts"],
                "session.id": id,
                "usr.id": next((row["usr.id"] for row in rows if "usr.id" in row), None),
                "geo.country": rows[0]["geo.country"],
                "session.view.count": len(views),
                "session.action.count": len(rows) - len(views),
                "session.error.count": sum(row["view.error.count"] for row in views),
                "session.frustration.count": sum(row["view.frustration.count"] for row in views),
                "session.time_spent": (views[-1]["ts"] - rows[0]["ts"]) * 1_000_000 + views[-1]["view.time_spent"],
                "session.initial_view.name": views[0]["view.name"],
                "session.last_view.name": views[-1]["view.name"],
                "session.is_active": False,
            }

    def test_sessions(self):
        sessions = list(self.sessions())
        for aggregation, metric, facets in [
            ("count", None, []),
            ("count", None, ["@session.initial_view.name", "@session.last_view.name"]),
            ("cardinality", "usr.id", ["@geo.country"]),
            ("avg", "session.time_spent", ["@session.is_active"]),
            ("median", "session.view.count", ["@usr.id"]),
            ("sum", "session.action.count", ["@session.frustration.count"]),
            ("max", "session.error.count", ["@type"]),
        ]:
            with self.subTest(aggregation=aggregation, metric=metric, facets=facets):
                compute = {"aggregation": aggregation} | ({"metric": f"@{metric}"} if metric else {})
                group_by = [{"facet": facet, "limit": 100} for facet in facets]
                answered = self.scalar({"query": base("@type:session"), "compute": compute, "group_by": group_by})
                groups = grouped(sessions, facets) if facets else {(): sessions}
                self.check(answered, {group: number(aggregation, rows, metric) for group, rows in groups.items()})
        long = [row for row in sessions if row["session.view.count"] > 2]
        answered = self.scalar({"query": base("@type:session @session.view.count:>2"), "compute": {"aggregation": "count"}})
        self.check(answered, {(): len(long)})
        both = self.scalar({"query": base("@type:(session OR view)"), "compute": {"aggregation": "count"}, "group_by": [{"facet": "@type"}]})
        self.check(both, {("session",): len(sessions), ("view",): sum(row["type"] == "view" for row in self.events)})

    def test_formulas(self):
        query = lambda name, search: {"data_source": EVENTS, "name": name, "search": {"query": search}, "indexes": ["*"],
                                      "compute": {"aggregation": "count"}, "group_by": [{"facet": "@geo.country", "limit": 100, "sort": {"aggregation": "count", "order": "desc"}}]}
        attributes = {"from": self.shop.from_ms, "to": self.shop.to_ms, "formulas": [{"formula": "100 * a / (a + v)"}],
                      "queries": [query("a", "@type:action"), query("v", "@type:view")]}
        count = lambda kind, country, rows=self.events: sum(row["type"] == kind and row.get("geo.country") == country for row in rows)
        answer = self.shop.ask(MetricsApi, "query_scalar_data", "ScalarFormulaQueryRequest", {"data": {"type": "scalar_request", "attributes": attributes}})
        groups, numbers = [column["values"] for column in answer["data"]["attributes"]["columns"]]
        self.assertEqual({group[0] for group in groups}, {"Brazil", "France", "Japan"})
        for (country,), share in zip(groups, numbers):
            actions, views = count("action", country), count("view", country)
            self.assertAlmostEqual(share, 100 * actions / (actions + views))
        attributes |= {"interval": DAY_MS, "formulas": [{"formula": "a + v"}, {"formula": "v"}]}
        answer = self.shop.ask(MetricsApi, "query_timeseries_data", "TimeseriesFormulaQueryRequest", {"data": {"type": "timeseries_request", "attributes": attributes}})
        attributes = answer["data"]["attributes"]
        for series, found in zip(attributes["series"], attributes["values"]):
            country = series["group_tags"][0].removeprefix("@geo.country:")
            for time, value in zip(attributes["times"], found):
                rows = [row for row in self.events if time <= row["ts"] < time + DAY_MS]
                expected = count("view", country, rows) + (count("action", country, rows) if series["query_index"] == 0 else 0)
                self.assertEqual(value, expected)

    def test_what_cannot_be_meant_is_refused(self):
        count = {"aggregation": "count"}
        for query, word in [
            ({"query": base(), "compute": count, "group_by": [{"facet": "@view.nam"}]}, "@view.name"),
            ({"query": base(), "compute": {"aggregation": "avg"}}, "metric"),
            ({"query": base(), "compute": {"aggregation": "avg", "metric": "@context.cart.totl"}}, "@context.cart.total"),
            ({"query": base(), "compute": {"aggregation": "p95", "metric": "@usr.id"}}, "p95"),
            ({"query": base("@type:("), "compute": count}, "position"),
            ({"query": base(), "compute": count, "group_by": [{"facet": "plan", "source": "users"}]}, "source"),
            ({"query": base(), "compute": count, "audience_filters": {"segments": [{"name": "s", "segment_id": "00000000-0000-0000-0000-000000000000"}]}}, "segment"),
            ({"query": base(), "compute": count, "audience_filters": {"users": [{"name": "a"}], "formula": "b"}}, "`b`"),
        ]:
            with self.subTest(query=query), self.assertRaises(ApiException) as raised:
                self.scalar(query)
            self.assertEqual(raised.exception.status, 400)
            self.assertIn(word, json.dumps(raised.exception.body))
        with self.assertRaises(ApiException) as raised:
            query = {"query": base(), "compute": count}
            self.shop.ask(ProductAnalyticsApi, "query_product_analytics_timeseries", "ProductAnalyticsAnalyticsRequest", request(query))
        self.assertIn("interval", json.dumps(raised.exception.body))


if __name__ == "__main__":
    unittest.main()
