"""Whodid, ClickHouse and DuckDB side by side, on the same events.

Reading order: `shop` (the events), `files` (as Parquet), `truth` (the right answers by
brute force), `protocol` (how a contender reports), `clickhouse` and `duck` (the peers), `machine`, `report`,
`__main__` (the command).
"""
