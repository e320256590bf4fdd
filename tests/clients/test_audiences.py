"""Users and accounts by their profiles, through the official client."""

import unittest
from collections import Counter, defaultdict

from datadog_api_client.exceptions import ApiException
from datadog_api_client.v2.api.rum_audience_management_api import RumAudienceManagementApi

from harness import BASE, shop


class Audiences(unittest.TestCase):
    def setUp(self):
        self.shop = shop()
        self.users = defaultdict(list)
        for row in sorted(self.shop.events, key=lambda row: row["ts"]):
            if "usr.id" in row:
                self.users[row["usr.id"]].append(row)

    def ask(self, operation, model, kind, attributes):
        body = {"data": {"type": kind, "attributes": attributes}}
        answer = self.shop.ask(RumAudienceManagementApi, operation, model, body)
        return answer["data"]["attributes"]

    def query_users(self, **attributes):
        return self.ask("query_users", "QueryUsersRequest", "query_users_request", attributes)

    def latest(self, id, path):
        return next((row[path] for row in reversed(self.users[id]) if path in row), None)

    def test_users(self):
        found = self.query_users(select_columns=["user_id", "user_email", "user_plan", "session_count", "events_count", "first_country_code"], limit=100)
        self.assertEqual(found["total"], len(self.users))
        expected = [
            {
                "user_id": id,
                "user_email": self.latest(id, "usr.email"),
                "user_plan": self.latest(id, "usr.plan"),
                "session_count": len({row["session.id"] for row in rows if "session.id" in row}),
                "events_count": len(rows),
                "first_country_code": next((row["geo.country_iso_code"] for row in rows if "geo.country_iso_code" in row), None),
            }
            for id, rows in sorted(self.users.items())
        ]
        self.assertEqual(found["hits"], expected)

    def test_users_by_query_sort_term_and_limit(self):
        gold = sorted(id for id in self.users if self.latest(id, "usr.plan") == "gold")
        found = self.query_users(query="user_plan:gold", select_columns=["user_id"], limit=2)
        self.assertEqual((found["total"], [hit["user_id"] for hit in found["hits"]]), (len(gold), gold[:2]))
        ordered = sorted(self.users, key=lambda id: (-len(self.users[id]), id))
        for order, expected in [("DESC", ordered), ("ASC", sorted(self.users, key=lambda id: (len(self.users[id]), id)))]:
            found = self.query_users(select_columns=["user_id"], sort={"field": "events_count", "order": order})
            self.assertEqual([hit["user_id"] for hit in found["hits"]], expected)
        found = self.query_users(wildcard_search_term="USER-1", select_columns=["user_id"])
        self.assertEqual({hit["user_id"] for hit in found["hits"]}, {id for id in self.users if id.startswith("user-1")})
        found = self.query_users(wildcard_search_term="user-*@shop", select_columns=["user_id"])
        self.assertEqual(found["total"], sum(self.latest(id, "usr.email") is not None for id in self.users))
        anonymous = {row["usr.anonymous_id"] for row in self.shop.events if "usr.id" not in row and "usr.anonymous_id" in row}
        found = self.query_users(query="is_anonymous:true", select_columns=["user_id"])
        self.assertEqual({hit["user_id"] for hit in found["hits"]}, {f"anonymous:{id}" for id in anonymous})

    def test_users_by_their_events(self):
        start, end = self.shop.from_ms // 1000, self.shop.to_ms // 1000 - 2 * 86400
        inside = lambda row: row.get("action.name") == "CHECKOUT" and start * 1000 <= row["ts"] < end * 1000
        counts = {id: sum(map(inside, rows)) for id, rows in self.users.items() if any(map(inside, rows))}
        attributes = {"query": "user_plan:(gold OR free)", "select_columns": ["user_id"], "include_row_count": True, "limit": 100,
                      "event_query": {"query": "@type:action @action.name:CHECKOUT", "time_frame": {"start": start, "end": end}}}
        found = self.ask("query_event_filtered_users", "QueryEventFilteredUsersRequest", "query_event_filtered_users_request", attributes)
        expected = [{"user_id": id, "row_count": n} for id, n in sorted(counts.items()) if self.latest(id, "usr.plan") in ("gold", "free")]
        self.assertEqual((found["hits"], found["total"]), (expected, len(expected)))

    def test_accounts(self):
        accounts = defaultdict(list)
        for row in sorted(self.shop.events, key=lambda row: row["ts"]):
            if "account.id" in row:
                accounts[row["account.id"]].append(row)
        found = self.ask("query_accounts", "QueryAccountRequest", "query_account_request", {"select_columns": ["account_id", "account_name", "user_count"], "limit": 100})
        expected = [{"account_id": id, "account_name": rows[-1]["account.name"], "user_count": len({row["usr.id"] for row in rows})} for id, rows in sorted(accounts.items())]
        self.assertEqual((found["hits"], found["total"]), (expected, len(expected)))

    def test_facet_info(self):
        counts = Counter(self.latest(id, "usr.plan") for id in self.users if self.latest(id, "usr.plan"))
        ordered = [{"value": value, "count": n} for value, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
        ask = lambda **more: self.ask("get_user_facet_info", "FacetInfoRequest", "users_facet_info_request", {"facet_id": "user_plan", "limit": 10} | more)["result"]["values"]
        self.assertEqual(ask(), ordered)
        self.assertEqual(ask(term_search={"value": "OL"}), [one for one in ordered if one["value"] == "gold"])
        self.assertEqual(ask(search={"query": "user_id:user-1"}), [{"value": self.latest("user-1", "usr.plan"), "count": 1}])
        accounts = self.ask("get_account_facet_info", "FacetInfoRequest", "users_facet_info_request", {"facet_id": "account_id", "limit": 10})
        self.assertEqual({one["count"] for one in accounts["result"]["values"]}, {1})

    def test_mapping(self):
        answer = RumAudienceManagementApi(self.shop.client).get_mapping("users").to_dict()
        names = {one["attribute"] for one in answer["data"]["attributes"]["attributes"]}
        self.assertGreaterEqual(names, {"user_id", "user_email", "user_plan", "first_country_code", "session_count", "last_seen"})

    def test_unknown_columns_are_refused(self):
        with self.assertRaises(ApiException) as raised:
            self.query_users(select_columns=["user_pln"])
        self.assertEqual(raised.exception.status, 400)
        self.assertIn("user_plan", str(raised.exception.body))


if __name__ == "__main__":
    unittest.main()
