"""What the tests of the sandbox's streams and of their rules share: connecting, reading lines, changing rules."""

from __future__ import annotations

import json

import requests

from xframes.sandbox.queries.predicates import compile_query

STREAM, SAMPLE, RULES = "/2/tweets/search/stream", "/2/tweets/sample/stream", "/2/tweets/search/stream/rules"


def connect(server, path=STREAM, token=None, **params):
    headers = {"Authorization": f"Bearer {token or server.bearer_token}"}
    return requests.get(server.url + path, params=params, headers=headers, stream=True, timeout=60)


def lines(answer, until=lambda line: False, silence=2):
    """The lines of a stream until one satisfies `until`, or so many keep-alives came in a row."""
    quiet = 0
    for line in answer.iter_lines(chunk_size=None, delimiter=b"\r\n"):
        quiet = 0 if line else quiet + 1
        if line:
            yield line
            if until(line):
                return
        elif quiet > 2 * silence:  # a chunk that ends in the delimiter is split into itself and nothing
            return


def ids(answer, **more):
    with answer:
        return [json.loads(line)["data"]["id"] for line in lines(answer, **more)]


def change(server, body=None, params=None):
    headers = {"Authorization": f"Bearer {server.bearer_token}"}
    return requests.post(server.url + RULES, json=body, params=params, headers=headers, timeout=20)


def matching(server, query):
    keep = compile_query(query, server.community)
    return [str(post.id) for post in server.community.listed if keep(post)]
