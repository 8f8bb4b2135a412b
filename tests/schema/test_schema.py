"""The tables against X's published specifications: what X publishes is a column, or left out for a stated reason."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest

import xframes as xf
from tests.specifications import SPECS, specification
from xframes import schema
from xframes.schema import words as vocabulary
from xframes.schema.references import carried, own_key, references

# Our kinds of objects, the components that publish them, and where their fields may be asked for.
COMPONENTS = {
    "post": ("Tweet", "Post"), "user": ("User", "User"), "media": ("Media", "Media"), "place": ("Place", "Place"),
    "poll": ("Poll", "Poll"), "list": ("List", "List"), "space": ("Space", "Space"), "topic": ("Topic", "Topic"),
    "dm": ("DmEvent", "DmEvent"), "rule": ("Rule", "GetRulesResponseData"), "compliance_job": ("ComplianceJob", "ComplianceJob"),
    "usage": ("Usage", "Usage"), "post_analytics": ("Analytics", "Analytics"),
    "media_analytics": ("MediaAnalytics", "MediaAnalytics"), "count": ("SearchCount", "GetPostsCountsAllResponseData"),
}


class Spec:
    """One of X's specifications."""

    def __init__(self, words):
        self.words = words
        self.document = specification(words)
        self.components = self.document["components"]["schemas"]

    def resolved(self, node):
        while "$ref" in node:
            node = self.components[node["$ref"].rsplit("/", 1)[1]]
        return node

    def properties(self, node, seen=()):
        """The properties of an object, those of all its alternatives included."""
        node = self.resolved(node)
        found = dict(node.get("properties", {}))
        parts = [*node.get("allOf", ()), *node.get("oneOf", ()), *node.get("anyOf", ())]
        parts += [{"$ref": target} for target in node.get("discriminator", {}).get("mapping", {}).values()]
        for part in parts if id(node) not in seen else ():
            found |= {n: p for n, p in self.properties(part, (*seen, id(node))).items() if n not in found}
        return found

    def paths(self, node, prefix="", seen=()):
        """The dotted paths of all leaves below an object; arrays of objects are looked into."""
        for name, child in self.properties(node).items():
            inner = self.resolved(child)
            if inner.get("type") == "array":
                inner = self.resolved(inner.get("items", {}))
            at = f"{prefix}{name}"
            if self.properties(inner) and at not in seen and at.count(".") < 5:
                yield from self.paths(inner, f"{at}.", (*seen, at))
            else:
                yield at

    def parameter(self, node):
        return self.document["components"]["parameters"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node

    def fields_parameter(self, name):
        """Every value any operation lists for a `*.fields` parameter; streams of 2.167 keep the old names."""
        found = set()
        for path, operations in self.document["paths"].items():
            for given in operations.get("get", {}).get("parameters", ()):
                p = self.parameter(given)
                if p["name"] == name and not (self.words == "post" and "stream" in path):
                    found |= set(self.resolved(p["schema"]).get("items", {}).get("enum", ()))
        if self.words == "tweet" and name == "tweet.fields":  # fields that came between the two specifications
            found |= Spec("post").of_stream(name)
        return found

    def of_stream(self, name):
        """Every value that the filtered stream lists for a parameter."""
        (p,) = [p for p in map(self.parameter, self.document["paths"]["/2/tweets/search/stream"]["get"]["parameters"])
                if p["name"] == name]
        return set(self.resolved(p["schema"])["items"]["enum"])

    def expansions(self, path):
        (found,) = [p for p in map(self.parameter, self.document["paths"][path]["get"]["parameters"])
                    if p["name"] == "expansions"]
        return set(self.resolved(found["schema"])["items"]["enum"])


@pytest.fixture(scope="module", params=list(SPECS))
def spec(request):
    return Spec(request.param)


def read_paths(kind):
    """Every wire path the columns and sources of an object's tables read."""
    found = set()
    for table in schema.tables_of(kind):
        if table.sources:
            for source in table.sources:
                for path in source.paths:
                    found.add(path)
                    found |= {f"{path}.{p}" for col in table.body for p in col.paths if p != "."}
        else:
            found |= {path.partition("[")[0] for col in table.body for path in col.paths}
    return found


def covered(path, read):
    """Whether a path is read, lies inside something kept whole, or is opaque and read inside."""
    parts = path.split(".")
    return any(p.startswith(f"{path}.") for p in read) or any(".".join(parts[:n]) in read for n in range(len(parts), 0, -1))


class TestSpecification:
    @pytest.mark.parametrize("kind", COMPONENTS)
    def test_a_field_x_publishes_is_a_column_or_left_out_for_a_reason(self, spec, kind):
        component = COMPONENTS[kind][spec.words == "post"]
        read = read_paths(kind)
        left = {path for object_, path in schema.LEFT_OUT if object_ == kind}
        if kind == "usage":
            read |= {"daily_project_usage", "daily_client_app_usage"}  # rows of usage_daily
        if kind.endswith("_analytics"):
            read |= {"timestamped_metrics"}  # one row for each
        missing = [p.removeprefix("data.") for p in spec.paths({"$ref": f"#/components/schemas/{component}"})]
        missing = [p for p in missing if not p.startswith("errors")  # analytics of 2.159 are declared as whole answers
                   and not covered(p, read) and not covered(p, left)]
        assert missing == []

    @pytest.mark.parametrize("kind", [k for k in vocabulary.FIELDS_PARAM if k != "usage"])
    def test_what_is_asked_for_is_what_may_be_asked_for(self, spec, kind):
        listed = spec.fields_parameter(schema.fields_param(kind, spec.words))
        if not listed:
            assert kind in {"broadcast", "broadcast_message", "like"}  # of newer or older operations
            return
        if (spec.words, kind) == ("tweet", "note"):
            listed |= {"scoring_status"}  # came between the two specifications
        asked = set(schema.fields(kind, spec.words, owner=True))
        assert asked - listed == set()
        assert listed - asked == set()

    @pytest.mark.parametrize(("kind", "path"), [
        ("post", "/2/tweets/search/recent"), ("user", "/2/users"), ("list", "/2/lists/{id}"), ("space", "/2/spaces"),
        ("dm", "/2/dm_events"),
    ])
    def test_expansions_are_those_listed(self, spec, kind, path):
        assert set(schema.EXPANSIONS[spec.words][kind]) == spec.expansions(path)

    def test_reasons_are_of_fields_there_are(self):
        specs = [Spec(words) for words in SPECS]
        for kind, path in schema.LEFT_OUT:
            known = {p for s in specs for c in COMPONENTS[kind] if c in s.components
                     for p in s.paths({"$ref": f"#/components/schemas/{c}"})}
            assert any(p == path or p.startswith(f"{path}.") for p in known), (kind, path)


# the declarations themselves -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", schema.TABLES.values(), ids=lambda t: t.name)
def test_a_table_is_whole(table):
    names = [c.name for c in table.columns]
    assert len(names) == len(set(names))
    assert set(table.key) <= set(names)
    assert {"observed_at", "page_id"} <= set(names)
    assert table.time is None or table.time in names
    assert all(c.doc.endswith((".", ")")) for c in table.columns), "meanings are sentences"
    for col in table.columns:
        if col.name.endswith("_at"):
            assert col.type is schema.Type.TIME
        if col.name.endswith("_count"):
            assert col.type is schema.Type.INT
        if col.name == "id" or col.name.endswith(("_id", "_key")):
            assert col.type is schema.Type.STR
    assert table.schema.field("observed_at").type == pa.timestamp("ms", tz="UTC")


@pytest.mark.parametrize("table", schema.TABLES.values(), ids=lambda t: t.name)
def test_a_column_says_what_it_holds_or_names(table):
    """A text without it is exported by nobody and a fraction may be a place: add `holds=` or `names=` to the `Col`."""
    assert [c.name for c in table.columns if c.content is None] == []
    for col in table.columns:
        assert col.names is None or own_key(col.names), f"{col.name} names {col.names}, whose rows nothing names"
        assert col.of is None or col.of in table.schema.names
        assert not (col.holds == "handle" and col.of is None), f"{col.name}: whose handle is it? Add `of=`"
        texts = {c.name for t in (table, schema.TABLES.get(table.parent)) if t for c in t.body if c.holds == "words"}
        assert col.within is None or col.within in texts
        assert not col.values or col.holds in {"code", "location"}
    assert table.owner is None or table.owner in references(table.name)
    assert table.carrier is None or carried(table.name)


def test_a_text_or_fraction_that_says_nothing_is_found():
    for type_ in (schema.Type.STR, schema.Type.STRS, schema.Type.JSON, schema.Type.FLOAT):
        assert schema.Col("new", "new", type_, "New.").content is None
    assert schema.Col("new", "new", schema.Type.INT, "New.").content == "public"


def test_the_names_others_rely_on_are_there():
    for line in """
        posts id text author_id created_at conversation_id in_reply_to_user_id lang source possibly_sensitive reply_settings
        posts place_id like_count reply_count repost_count quote_count bookmark_count impression_count
        users id username name created_at description location verified verified_type protected followers_count
        users following_count post_count listed_count
        media media_key type url
        places id full_name
        polls id
        post_hashtags post_id tag start_index end_index
        post_mentions post_id user_id username
        post_urls post_id url expanded_url
        post_references post_id referenced_post_id type
        post_media post_id media_key position
        follows follower_id followed_id
        likes user_id post_id
        list_members list_id user_id
        counts query granularity start_at end_at post_count
        post_analytics post_id granularity at impressions likes
        media_analytics media_key granularity at video_views
        usage_daily scope id date usage
        problems kind resource_type resource_id title detail
        matches run_id post_id page_id position
    """.strip().splitlines():
        table, *columns = line.split()
        assert set(columns) <= set(schema.table(table).schema.names), table


def test_a_table_that_is_not_there_is_named_with_those_there_are():
    with pytest.raises(KeyError, match=r"tweets.*posts, users"):
        xf.schema.table("tweets")


def test_labels_of_measures_have_one_plural():
    meanings = " ".join(xf.schema.dictionary()["meaning"]).lower()
    assert "engagements" in meanings
    assert not re.search(r"(click|engagement)ss\b|replys\b", meanings)


def test_the_dictionary_has_a_row_for_every_column():
    found = xf.schema.dictionary()
    assert len(found) == sum(len(t.columns) for t in schema.TABLES.values())
    assert set(xf.schema.dictionary(["posts"])["table"]) == {"posts"}


def test_a_table_shows_itself_in_a_notebook():
    shown = xf.schema.table("posts")._repr_html_()
    assert "like_count" in shown
    assert "public_metrics.like_count" in shown


def test_every_text_says_what_it_names_or_holds():
    """Takedown and exports go by it: a text that says nothing could be anybody's handle."""
    texts = {"string", "list of strings", "JSON text", "float"}
    silent = [f"{t.name}.{c.name}" for t in schema.TABLES.values() for c in t.columns
              if c.type.value in texts and c.names is None and c.holds is None and c.name not in t.key]
    assert silent == []
