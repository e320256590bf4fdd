"""DuckDB: a table sorted by user and instant, ENUMs for names and types.

Two tables: user and session ids as text, and as dense integers. Every question is asked in each way that seemed
worth it; the best exact one counts. Cold, it reads the flat files as they are.
"""

import json
import time
from collections.abc import Callable

import duckdb

from .protocol import Arguments, crowd, measure, remark, say

TABLES = {"text ids": "events_text", "integer ids": "events_int"}
IDS = {
    "events_text": ('"usr.id"', '"session.id"'),
    "events_int": ('substr("usr.id", 2)::UINTEGER', 'substr("session.id", 2)::UINTEGER'),
}
ENUMS = {
    "kind": "type",
    "view": "view.name",
    "action": "action.name",
    "country": "geo.country",
    "device": "device.type",
    "browser": "browser.name",
}
CREATE = """
CREATE TABLE {table} AS
SELECT {user} AS user, {session} AS session, epoch_us(timestamp) AS ts, type::kind_names AS type,
    "view.name"::view_names AS view, "action.name"::action_names AS action, "geo.country"::country_names AS country,
    "device.type"::device_names AS device, "browser.name"::browser_names AS browser
FROM '{parquet}/*.parquet' ORDER BY user, ts
"""
FLAT = """
CREATE TEMP VIEW events_flat AS
SELECT "usr.id" AS user, "session.id" AS session, epoch_us(timestamp) AS ts, type, "view.name" AS view,
    "action.name" AS action, "geo.country" AS country
FROM '{parquet}/*.parquet'
"""

CART = "type = 'view' AND view = '/cart'"
CHECKOUT = "type = 'action' AND action = 'CHECKOUT'"
# An ENUM is compared by its position, and its values were sorted: a prefix is a range.
PRODUCT = {
    "prefix": "type = 'view' AND starts_with(view::VARCHAR, '/product')",
    "range": "type = 'view' AND view BETWEEN '{first_product}' AND '{last_product}'",
}
DAY_US = 86_400_000_000

# A session has one user, so that the trick needs no order: first /cart, last /cart, last CHECKOUT.
SEQUENCE = f"""
    SELECT count(DISTINCT user) FILTER (first_cart <= last_checkout),
        count(DISTINCT user) FILTER (last_cart > last_checkout OR (last_cart IS NOT NULL AND last_checkout IS NULL))
    FROM (
        SELECT any_value(user) AS user, min(ts) FILTER ({CART}) AS first_cart, max(ts) FILTER ({CART}) AS last_cart,
            max(ts) FILTER ({CHECKOUT}) AS last_checkout
        FROM {{table}} WHERE country = 'Brazil' AND (({CART}) OR ({CHECKOUT})) GROUP BY session)"""


def funnel(product: str) -> str:
    """Per step the latest beginning of an attempt that got there, as a running maximum. The frame is the default one,
    by RANGE, so that events of one instant see each other."""
    return f"""
    WITH steps AS (
        SELECT user, ts, CASE WHEN {product} THEN 2 WHEN type = 'view' AND view = '/' THEN 1
            WHEN type = 'action' AND action = 'ADD TO CART' THEN 3 WHEN {CHECKOUT} THEN 4 END AS step
        FROM {{table}} WHERE step IS NOT NULL),
    one AS (SELECT *, max(ts) FILTER (step = 1) OVER (PARTITION BY user ORDER BY ts) AS began_1 FROM steps),
    two AS (SELECT *, max(began_1) FILTER (step = 2) OVER (PARTITION BY user ORDER BY ts) AS began_2 FROM one),
    three AS (SELECT *, max(began_2) FILTER (step = 3) OVER (PARTITION BY user ORDER BY ts) AS began_3 FROM two),
    depths AS (
        SELECT max(CASE WHEN step = 4 AND ts - began_3 <= {DAY_US} THEN 4 WHEN step = 3 AND ts - began_2 <= {DAY_US} THEN 3
            WHEN step = 2 AND ts - began_1 <= {DAY_US} THEN 2 WHEN step = 1 THEN 1 ELSE 0 END) AS depth
        FROM three GROUP BY user)
    SELECT count(*) FILTER (depth >= 1), count(*) FILTER (depth >= 2), count(*) FILTER (depth >= 3),
        count(*) FILTER (depth >= 4)
    FROM depths"""


def repeated(product: str) -> str:
    return f"SELECT count(*) FROM (SELECT user FROM {{table}} WHERE {product} GROUP BY user HAVING count(*) >= 5)"


def top_distinct(within: str = "") -> str:
    return f"""
    SELECT view::VARCHAR AS name, count(*) AS views, count(DISTINCT user) FROM {{table}}
    WHERE type = 'view' {within} GROUP BY view ORDER BY views DESC, name LIMIT 20"""


def top_in_two(within: str = "") -> str:
    return f"""
    SELECT view::VARCHAR AS name, sum(views) AS views, count(*) FROM (
        SELECT view, user, count(*) AS views FROM {{table}} WHERE type = 'view' {within} GROUP BY view, user)
    GROUP BY view ORDER BY views DESC, name LIMIT 20"""


SEGMENT = f"AND user IN (SELECT user FROM {{table}} WHERE {CART})"
# Question -> way -> SQL.
WAYS = {
    "sequence": {"min/max": SEQUENCE},
    "funnel": {f"running maxima, {way}": funnel(product) for way, product in PRODUCT.items()},
    "repeated": {f"count, {way}": repeated(product) for way, product in PRODUCT.items()},
    "top": {"count distinct": top_distinct(), "two group-bys": top_in_two()},
    "top_in_segment": {"count distinct": top_distinct(SEGMENT), "two group-bys": top_in_two(SEGMENT)},
}

# The usual way: asked by many clients at once, and cold, where a process has one question only.
USUAL = {
    "sequence": "min/max",
    "funnel": "running maxima, prefix",
    "repeated": "count, prefix",
    "top": "count distinct",
    "top_in_segment": "count distinct",
}


def main() -> None:
    arguments = Arguments.parse()
    database = _open(arguments)
    tables = {"flat files": "events_flat"} if arguments.cold else TABLES
    products = _product_range(database)
    if arguments.concurrency:
        _crowd(database, arguments.concurrency, products)
        return
    for question, ways in WAYS.items():
        if arguments.only not in (None, question):
            continue
        for variant, table in tables.items():
            for way, sql in ways.items():
                if arguments.cold and way != USUAL[question]:
                    continue
                text = sql.format(table=table, **products)
                measured = measure(
                    lambda: _answer(question, database.execute(text).fetchall()), arguments.repeat, not arguments.cold
                )
                say(query=question, variant=f"{variant}, {way}", **measured)


def _crowd(database: duckdb.DuckDBPyConnection, clients: int, products: dict[str, str]) -> None:
    table = TABLES["integer ids"]
    sql = {question: WAYS[question][way].format(table=table, **products) for question, way in USUAL.items()}

    def connect() -> Callable[[str], object]:
        cursor = database.cursor()
        return lambda question: cursor.execute(sql[question]).fetchall()

    say(concurrency=crowd(clients, connect, list(sql)))


def _open(arguments: Arguments) -> duckdb.DuckDBPyConnection:
    store = arguments.data / "store.duckdb"
    loaded = arguments.data / "loaded.json"
    if not loaded.exists():
        store.unlink(missing_ok=True)
    database = duckdb.connect(str(store))
    database.execute(f"SET threads = {arguments.threads}; SET memory_limit = '6GB'; SET TimeZone = 'UTC'")
    if not loaded.exists():
        began = time.perf_counter()
        for name, column in ENUMS.items():
            database.execute(
                f"CREATE TYPE {name}_names AS ENUM (SELECT DISTINCT \"{column}\" AS value "
                f"FROM '{arguments.parquet}/*.parquet' WHERE value IS NOT NULL ORDER BY value)"
            )
        enums_s = round(time.perf_counter() - began, 2)
        loads = [{**_load(database, arguments, variant), "enum_seconds": enums_s} for variant in TABLES]
        database.execute("CHECKPOINT")
        loads[-1]["disk_bytes"] = store.stat().st_size
        loaded.write_text(json.dumps(loads))
    for load in json.loads(loaded.read_text()):
        say(load=load)
    database.execute(FLAT.format(parquet=arguments.parquet))
    return database


def _load(database: duckdb.DuckDBPyConnection, arguments: Arguments, variant: str) -> dict:
    table = TABLES[variant]
    user, session = IDS[table]
    remark(f"duckdb: loading, {variant}")
    began = time.perf_counter()
    database.execute(CREATE.format(table=table, user=user, session=session, parquet=arguments.parquet))
    seconds = round(time.perf_counter() - began, 2)
    [[rows]] = database.execute(f"SELECT count(*) FROM {table}").fetchall()
    return {"variant": variant, "rows": rows, "seconds": seconds}


def _product_range(database: duckdb.DuckDBPyConnection) -> dict[str, str]:
    [[first, last]] = database.execute(
        "SELECT min(name), max(name) FROM (SELECT unnest(enum_range(NULL::view_names)) AS name)"
        " WHERE starts_with(name, '/product')"
    ).fetchall()
    return {"first_product": first, "last_product": last}


def _answer(question: str, rows: list[tuple]) -> dict:
    match question:
        case "sequence":
            return {"then": rows[0][0], "not": rows[0][1]}
        case "funnel":
            return {"steps": list(rows[0])}
        case "repeated":
            return {"members": rows[0][0]}
        case _:
            return {"top": [[name, int(views), users] for name, views, users in rows]}


if __name__ == "__main__":
    main()
