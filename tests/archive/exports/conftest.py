"""What is exported: a small archive to each test, and one collected from the sandbox."""

from __future__ import annotations

import shutil

import pytest

import xframes as xf

from .exported import FIRST, NOW, SECOND, followers, likes, page


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    home = tmp_path_factory.mktemp("made") / "archive"
    with xf.Archive(home, now=lambda: NOW) as archive:
        archive.add([page(FIRST, SECOND), likes(), followers()])
        archive.compact()  # compacted tables are asked faster
    return home


@pytest.fixture
def archive(made, tmp_path):
    shutil.copytree(made, tmp_path / "archive")
    with xf.Archive(tmp_path / "archive", now=lambda: NOW) as archive:
        yield archive


@pytest.fixture(scope="session")
def collected(tmp_path_factory):
    """An archive collected from the sandbox: searches, timelines, edges, lists, Spaces."""
    home = tmp_path_factory.mktemp("collected") / "archive"
    with xf.Archive(home) as archive:
        with xf.sandbox.start(seed=11) as x, xf.Client(x.bearer_token, oauth2=x.user_token, base_url=x.url) as client:
            how = {"into": archive, "client": client, "progress": False}
            xf.search.recent("coffee OR climate from:ada", limit=120, **how)
            xf.counts.recent("coffee @somebody", **how)
            top, author = archive.sql("SELECT id, author_id FROM posts ORDER BY like_count DESC LIMIT 1").fetchall()[0]
            xf.posts.liking_users(top, limit=30, **how)
            xf.users.followers(author, limit=40, **how)
            xf.users.owned_lists(author, **how)
            xf.timelines.user(author, limit=50, **how)
        archive.compact()
        yield archive
