"""Flattening in memory: throughput of many pages, and one page beside merely parsing it."""

from __future__ import annotations

import gc

import msgspec
import orjson

import xframes as xf
from tests.benchmarks.pages import page, pages
from tests.benchmarks.rivals import answered, typed_decoder


def flatten_to_tables(pages) -> None:
    """Flatten pages and have every table made, as an archive does."""
    frames = xf.flatten(pages)
    for name in frames.tables:
        frames[name]


def test_one_page_of_100_posts_beside_parsing_it_with_orjson(compare):
    body = page(1)
    one = answered(body)
    assert xf.flatten(one)["matches"].num_rows == 100
    parse = {"orjson.loads": lambda: orjson.loads(body)}
    compare(lambda: xf.flatten(one), parse, rounds=300, warmup=30)


def test_one_page_and_each_of_its_tables_made_beside_parsing_it_with_orjson(compare):
    body = page(1)
    one = answered(body)
    parse = {"orjson.loads": lambda: orjson.loads(body)}
    compare(lambda: flatten_to_tables(one), parse, rounds=300, warmup=30)


def test_decoding_into_structs_beside_dicts(compare):
    body = page(1)
    decoder = typed_decoder()
    compare(lambda: decoder.decode(body), {
        "orjson.loads": lambda: orjson.loads(body),
        "msgspec into dicts": lambda: msgspec.json.decode(body),
    }, rounds=300, warmup=30)


def test_many_pages_in_megabytes_and_posts_a_second(compare, tell):
    bodies = pages(25)
    many = [answered(body) for body in bodies]

    def parse() -> None:
        for body in bodies:
            orjson.loads(body)

    took = compare(lambda: flatten_to_tables(many), {"orjson.loads": parse}, rounds=15)
    tell("MB/s:", sum(map(len, bodies)) / took / 1e6)
    tell("posts/s:", len(bodies) * 100 / took)


def test_many_pages_beside_the_same_with_the_garbage_collector_on(compare, monkeypatch):
    many = [answered(body) for body in pages(25)]

    def collecting() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(gc, "disable", lambda: None)
            xf.flatten(many)

    compare(lambda: xf.flatten(many), {"the collector on": collecting}, rounds=15)
