"""Reference tables and connections, through the official client."""

import unittest
import urllib.request
import uuid

import datadog_api_client.v2.models as models
from datadog_api_client.exceptions import ApiException, NotFoundException
from datadog_api_client.model_utils import validate_and_convert_types
from datadog_api_client.v2.api.reference_tables_api import ReferenceTablesApi
from datadog_api_client.v2.api.rum_audience_management_api import RumAudienceManagementApi

from harness import BASE, shop

FIELDS = [("email", "STRING"), ("customer_tier", "STRING"), ("seats", "INT32")]
PART_BYTES = 5_000_000
# Of more than 1,000 bytes each.
FILLER_ROWS = 5_000


class ReferenceTables(unittest.TestCase):
    def setUp(self):
        self.shop = shop()
        self.api = ReferenceTablesApi(self.shop.client)
        self.audiences = RumAudienceManagementApi(self.shop.client)

    def model(self, name, body):
        return validate_and_convert_types(body, (getattr(models, name),), ["body"], True, True, self.shop.client.configuration)

    def upload(self, parts):
        attributes = {"headers": [name for name, _ in FIELDS], "table_name": "tiers", "part_count": len(parts), "part_size": PART_BYTES}
        body = self.model("CreateUploadRequest", {"data": {"type": "upload", "attributes": attributes}})
        made = self.api.create_reference_table_upload(body).to_dict()["data"]
        for url, part in zip(made["attributes"]["part_urls"], parts, strict=True):
            with urllib.request.urlopen(urllib.request.Request(url, part.encode(), method="PUT")) as response:
                self.assertEqual(response.status, 200)
        return made["id"]

    def table(self, rows, filler_rows=0):
        """A table of a file; with a filler, of one that comes in two parts, cut in the middle of a line."""
        text = "".join(f"{email},{tier},{seats}\n" for email, tier, seats in rows)
        filler = "".join(f"nobody{n}@example.com,{'x' * 1000},{n}\n" for n in range(filler_rows))
        text = ",".join(name for name, _ in FIELDS) + "\n" + filler + text
        cut = len(filler) + 10
        upload = self.upload([text[:cut], text[cut:]] if filler_rows else [text])
        schema = {"fields": [{"name": name, "type": kind} for name, kind in FIELDS], "primary_keys": ["email"]}
        name = f"tiers_{uuid.uuid4().hex[:8]}"
        attributes = {"table_name": name, "source": "LOCAL_FILE", "schema": schema, "file_metadata": {"upload_id": upload}}
        body = self.model("CreateTableRequest", {"data": {"type": "reference_table", "attributes": attributes}})
        table = self.api.create_reference_table(body).to_dict()["data"]
        self.assertEqual(table["attributes"]["table_name"], name)
        self.assertEqual(table["attributes"]["row_count"], len(rows) + filler_rows)
        return table

    def upsert(self, table, rows):
        data = [{"type": "row", "id": id, "attributes": {"values": values}} for id, values in rows.items()]
        self.api.upsert_rows(table["id"], self.model("BatchUpsertRowsRequestArray", {"data": data}))

    def test_a_table_of_a_file(self):
        table = self.table([("user-1@shop.example", "gold", 5), ("user-2@shop.example", "silver", 1)], FILLER_ROWS)
        id, name = table["id"], table["attributes"]["table_name"]
        self.assertEqual(self.api.get_table(id).to_dict()["data"]["attributes"]["status"], "DONE")
        self.assertEqual([one["id"] for one in self.api.list_tables(filter_table_name_exact=name).to_dict()["data"]], [id])
        self.upsert(table, {"user-3@shop.example": {"customer_tier": "gold", "seats": 7}})
        found = self.api.get_rows_by_id(id, row_id=["user-3@shop.example", "user-1@shop.example"]).to_dict()["data"]
        self.assertEqual([row["attributes"]["values"]["seats"] for row in found], [7, 5])
        page = self.api.list_reference_table_rows(id, page_limit=1000).to_dict()
        self.assertEqual((len(page["data"]), "next" in page["links"]), (1000, True))
        token = page["meta"]["page"]["next_continuation_token"]
        following = self.api.list_reference_table_rows(id, page_limit=1, page_continuation_token=token).to_dict()
        self.assertGreater(following["data"][0]["id"], page["data"][-1]["id"])
        question = {"data": {"type": "reference-tables-batch-rows-query", "attributes": {"table_id": id, "row_ids": ["user-2@shop.example", "x"]}}}
        batch = self.api.batch_rows_query(self.model("BatchRowsQueryRequest", question)).to_dict()
        self.assertEqual([row["id"] for row in batch["included"]], ["user-2@shop.example"])
        gone = {"data": [{"type": "row", "id": "user-2@shop.example"}]}
        self.api.delete_rows(id, self.model("BatchDeleteRowsRequestArray", gone))
        patch = {"data": {"type": "reference_table", "attributes": {"description": "Who pays", "tags": ["team:growth"]}}}
        self.api.update_reference_table(id, self.model("PatchTableRequest", patch))
        attributes = self.api.get_table(id).to_dict()["data"]["attributes"]
        self.assertEqual((attributes["description"], attributes["row_count"]), ("Who pays", FILLER_ROWS + 2))
        self.api.delete_table(id)
        with self.assertRaises(NotFoundException):
            self.api.get_table(id)

    def test_errors(self):
        schema = {"fields": [{"name": "id", "type": "STRING"}], "primary_keys": ["id"]}
        attributes = {"table_name": "t", "source": "LOCAL_FILE", "schema": schema}
        body = self.model("CreateTableRequest", {"data": {"type": "reference_table", "attributes": attributes}})
        with self.assertRaises(ApiException) as refused:
            self.api.create_reference_table(body)
        self.assertEqual((refused.exception.status, refused.exception.body["errors"][0]["title"]), (400, "Generic Error"))
        with self.assertRaises(ApiException) as refused:
            self.api.list_reference_table_rows("not-a-uuid")
        self.assertEqual(refused.exception.status, 400)
        with self.assertRaises(NotFoundException) as refused:
            self.api.list_reference_table_rows(str(uuid.uuid4()))
        self.assertEqual(refused.exception.body["errors"][0]["title"], "Not Found")

    def members(self, query):
        attributes = {"definition": {"entity": "user", "where": {"profile": query}}, "sample_size": 100}
        body = {"data": {"type": "segment_preview", "attributes": attributes}}
        status, answer = self.shop.whodid.request("POST", f"{BASE}/segments/preview", body)
        self.assertEqual(status, 200, answer)
        return answer["data"]["attributes"]["sample"]

    def test_a_connection_makes_profile_attributes(self):
        known = {row["usr.email"]: row["usr.id"] for row in self.shop.events if "usr.email" in row}
        first, second = sorted(known)[:2]
        table = self.table([(first, "gold", 5), (second, "silver", 1)])
        fields = [{"id": "customer_tier", "source_name": "customer_tier", "type": "string", "display_name": "Tier"}]
        attributes = {"type": "ref_table", "join_attribute": "email", "join_type": "email", "fields": fields,
                      "metadata": {"table_name": table["attributes"]["table_name"]}}
        body = {"data": {"id": "tiers", "type": "connection_id", "attributes": attributes}}
        self.audiences.create_connection("users", self.model("CreateConnectionRequest", body))
        self.assertEqual(self.members("@customer_tier:gold"), [known[first]])
        self.upsert(table, {second: {"customer_tier": "gold"}})
        self.assertEqual(self.members("@customer_tier:gold"), sorted([known[first], known[second]]))
        mapping = self.audiences.get_mapping("users").to_dict()["data"]["attributes"]["attributes"]
        self.assertEqual([one["attribute"] for one in mapping if one["is_custom"]], ["@customer_tier"])
        self.assertIn("user_id", [one["attribute"] for one in mapping])
        listed = self.audiences.list_connections("users").to_dict()["data"]["attributes"]["connections"]
        self.assertEqual([(one["id"], one["join"]["attribute"]) for one in listed], [("tiers", "email")])
        change = {"fields_to_update": [{"field_id": "customer_tier", "updated_display_name": "Customer tier"}],
                  "fields_to_add": [{"id": "seats", "source_name": "seats", "type": "number"}]}
        body = {"data": {"id": "tiers", "type": "connection_id", "attributes": change}}
        self.audiences.update_connection("users", self.model("UpdateConnectionRequest", body))
        self.assertEqual(self.members("@seats:>=5"), [known[first]])
        self.audiences.delete_connection("tiers", "users")
        self.assertEqual(self.members("@customer_tier:gold"), [])
        self.api.delete_table(table["id"])


if __name__ == "__main__":
    unittest.main()
