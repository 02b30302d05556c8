"""``bench``: what is measured is printed, for people and for programs."""

from __future__ import annotations

from tests.cli.conftest import rows


def test_bench_measures(cli, bundle):
    words = ("--lengths", "4,8", "--batch-sizes", "1", "--runs", "3", "--cold-starts", "1")
    report = rows(cli("bench", bundle, *words, "--json"))[0]
    assert [point["length"] for point in report["points"]] == [4, 8]
    assert all(point["p50"] > 0 for point in report["points"])
    assert report["cold_start"]["peak_bytes"] > 10_000_000
    assert "cold start" in cli("bench", bundle, *words).out
