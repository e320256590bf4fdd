"""ClickHouse, as chdb-core: a MergeTree sorted by user and instant, LowCardinality names, Enum types.

Two tables: user and session ids as text, and as dense integers. Every question is asked in each way that ClickHouse
offers; the best exact one counts.
"""

import json
import shutil
import time

from chdb import session as chdb

from .protocol import Arguments, crowd, measure, remark, say

TABLES = {"text ids": "events_text", "integer ids": "events_int"}
IDS = {
    "events_text": ("String", "`usr.id`", "`session.id`"),
    "events_int": ("UInt32", "toUInt32(substring(`usr.id`, 2))", "toUInt32(substring(`session.id`, 2))"),
}

CREATE = """
CREATE TABLE {table} (
    user {id}, session {id}, ts UInt64, type Enum8('view' = 1, 'action' = 2),
    view LowCardinality(String), action LowCardinality(String), country LowCardinality(String),
    device LowCardinality(String), browser LowCardinality(String)
) ENGINE = MergeTree ORDER BY (user, ts)
"""
INSERT = """
INSERT INTO {table}
SELECT {user}, {session}, toUnixTimestamp64Micro(timestamp), type, `view.name`, ifNull(`action.name`, ''),
    `geo.country`, `device.type`, `browser.name`
FROM file('{parquet}/*.parquet', Parquet)
"""

CART = "type = 'view' AND view = '/cart'"
CHECKOUT = "type = 'action' AND action = 'CHECKOUT'"
PRODUCT = "type = 'view' AND startsWith(view, '/product')"
STEPS = ["type = 'view' AND view = '/'", PRODUCT, "type = 'action' AND action = 'ADD TO CART'", CHECKOUT]
DAY_US = 86_400_000_000

BRAZIL = f"country = 'Brazil' AND (({CART}) OR ({CHECKOUT}))"
LAST_IS_A_CART = f"maxIf(ts, {CART}) > maxIf(ts, {CHECKOUT})"


def sequence(then: str) -> str:
    return f"""
        SELECT uniqExactIf(user, bought), uniqExactIf(user, left) FROM (
            SELECT any(user) AS user, {then} AS bought, {LAST_IS_A_CART} AS left
            FROM {{table}} WHERE {BRAZIL} GROUP BY session)"""


def funnel(level: str) -> str:
    return f"""
        SELECT countIf(level >= 1), countIf(level >= 2), countIf(level >= 3), countIf(level >= 4) FROM (
            SELECT {level} AS level FROM {{table}} WHERE {' OR '.join(STEPS)} GROUP BY user)"""


def top(unique: str, within: str = "") -> str:
    return f"""
        SELECT view, count() AS views, {unique} FROM {{table}} WHERE type = 'view' {within}
        GROUP BY view ORDER BY views DESC, view LIMIT 20"""


SEGMENT = f"AND user IN (SELECT user FROM {{table}} WHERE {CART})"
IN_ORDER = "SETTINGS optimize_aggregation_in_order = 1"
FUNNEL = funnel(f"windowFunnel({DAY_US})(ts, {', '.join(STEPS)})")
REPEATED = f"SELECT count() FROM (SELECT user FROM {{table}} WHERE {PRODUCT} GROUP BY user HAVING count() >= 5)"
# Question -> way -> SQL. `groupBitmap` needs integers.
WAYS = {
    "sequence": {
        "sequenceMatch": sequence(f"sequenceMatch('(?1).*(?2)')(ts, {CART}, {CHECKOUT})"),
        "windowFunnel": sequence(f"windowFunnel({30 * DAY_US})(ts, {CART}, {CHECKOUT}) = 2"),
        "minIf/maxIf": sequence(f"countIf({CART}) > 0 AND minIf(ts, {CART}) <= maxIf(ts, {CHECKOUT})"),
    },
    "funnel": {"windowFunnel": FUNNEL, "windowFunnel, in order": f"{FUNNEL} {IN_ORDER}"},
    "repeated": {"count": REPEATED, "count, in order": f"{REPEATED} {IN_ORDER}"},
    "top": {"uniqExact": top("uniqExact(user)"), "groupBitmap": top("groupBitmap(user)")},
    "top_in_segment": {
        "uniqExact": top("uniqExact(user)", SEGMENT),
        "groupBitmap": top("groupBitmap(user)", SEGMENT),
    },
}

# The usual way, over integer ids: asked by many clients at once, and cold, where a process has one question only.
USUAL = {
    "sequence": "sequenceMatch",
    "funnel": "windowFunnel",
    "repeated": "count, in order",
    "top": "uniqExact",
    "top_in_segment": "uniqExact",
}


def main() -> None:
    arguments = Arguments.parse()
    store = arguments.data / "store"
    loaded = arguments.data / "loaded.json"
    if not loaded.exists():
        shutil.rmtree(store, ignore_errors=True)
    database = chdb.Session(str(store))
    database.query(f"SET max_threads = {arguments.threads}, output_format_json_quote_64bit_integers = 0")
    if not loaded.exists():
        loads = [_load(database, arguments, variant) for variant in TABLES]
        loaded.write_text(json.dumps(loads))
    for load in json.loads(loaded.read_text()):
        say(load=load)
    if arguments.concurrency:
        _crowd(database, arguments.concurrency)
        return
    for question, ways in WAYS.items():
        if arguments.only not in (None, question):
            continue
        for variant, table in TABLES.items():
            for way, sql in ways.items():
                if way == "groupBitmap" and table == "events_text":
                    continue
                if arguments.cold and (table, way) != (TABLES["integer ids"], USUAL[question]):
                    continue
                text = sql.format(table=table)
                measured = measure(
                    lambda: _answer(question, _rows(database, text)), arguments.repeat, warm=not arguments.cold
                )
                say(query=question, variant=f"{variant}, {way}", **measured)


def _crowd(database: chdb.Session, clients: int) -> None:
    sql = {question: WAYS[question][way].format(table=TABLES["integer ids"]) for question, way in USUAL.items()}
    say(concurrency=crowd(clients, lambda: lambda question: _rows(database, sql[question]), list(sql)))


def _load(database: chdb.Session, arguments: Arguments, variant: str) -> dict:
    table = TABLES[variant]
    kind, user, session = IDS[table]
    remark(f"clickhouse: loading, {variant}")
    began = time.perf_counter()
    database.query(CREATE.format(table=table, id=kind))
    database.query(INSERT.format(table=table, user=user, session=session, parquet=arguments.parquet))
    inserted = time.perf_counter()
    database.query(f"OPTIMIZE TABLE {table} FINAL")
    [[rows, disk]] = _rows(
        database, f"SELECT sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active AND table = '{table}'"
    )
    merged_s = round(time.perf_counter() - inserted, 2)
    return {"variant": variant, "rows": rows, "seconds": round(inserted - began, 2), "merge_seconds": merged_s,
            "disk_bytes": disk}  # fmt: skip


def _rows(database: chdb.Session, sql: str) -> list[list]:
    return json.loads(database.query(sql, "JSONCompact").data())["data"]


def _answer(question: str, rows: list[list]) -> dict:
    match question:
        case "sequence":
            return {"then": rows[0][0], "not": rows[0][1]}
        case "funnel":
            return {"steps": rows[0]}
        case "repeated":
            return {"members": rows[0][0]}
        case _:
            return {"top": rows}


if __name__ == "__main__":
    main()
