"""The search language: its grammar, and every operator against an independent reading of the posts' JSON."""

import html
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from xframes.sandbox import Community
from xframes.sandbox.protocol.object_json import post_json
from xframes.sandbox.queries.predicates import compile_query
from xframes.sandbox.queries.syntax import OPERATORS, And, Not, Or, QueryError, Term, parse

NOW = 1_790_000_000_000


@pytest.fixture(scope="module")
def community():
    return Community(seed=7, posts=2000, users=200, now=NOW)


def found(community, query):
    keep = compile_query(query, community)
    return {p.id for p in community.listed if keep(p)}


# -- grammar -------------------------------------------------------------------------------------------------------


def words(*names):
    return tuple(Term("word", name) for name in names)


@pytest.mark.parametrize(
    ("query", "tree"),
    [
        ("apple", Term("word", "apple")),
        ("apple OR iphone ipad", Or((Term("word", "apple"), And(words("iphone", "ipad"))))),
        ("ipad iphone OR android", Or((And(words("ipad", "iphone")), Term("word", "android")))),
        ("(apple OR iphone) ipad", And((Or(words("apple", "iphone")), Term("word", "ipad")))),
        ('"burr grinder" -#tea', And((Term("phrase", "burr grinder"), Not(Term("hashtag", "tea"))))),
        ("$BEAN @quiet_otter", And((Term("cashtag", "BEAN"), Term("mention", "quiet_otter")))),
        ("tea -(milk OR sugar)", And((Term("word", "tea"), Not(Or(words("milk", "sugar")))))),
        ('url:"https://a.example/b c"', Term("url", "https://a.example/b c")),
        ("From:otter LANG:en", And((Term("from", "otter"), Term("lang", "en")))),
        ("tea has:video_link -is:nullcast", And((Term("word", "tea"), Term("has", "videos"), Not(Term("is", "nullcast"))))),
        ("in_reply_to_status_id:12", Term("in_reply_to_tweet_id", "12")),
        ("point_radius:[2.35 48.86 16km]", Term("point_radius", "[2.35 48.86 16km]")),
        ('"or"', Term("phrase", "or")),
        ("second-hand", Term("word", "second-hand")),
    ],
)
def test_queries_are_read_as_x_reads_them(query, tree):
    assert parse(query) == tree


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("", "empty"), ("   ", "empty"), ("(tea", "closing parenthesis"), ("tea)", "no viable alternative"),
        ("()", "no viable alternative"), ("tea OR", "end of query"), ("OR tea", "no viable alternative"),
        ('"tea', "closing quote"), ('tea ""', "empty phrase"), ("tea -", "nothing to negate"), ("--tea", "nothing to negate"),
        ("foo:bar", "invalid operator 'foo'"), ("tea http://a.example", "invalid operator 'http'"),
        ("tea has:smell", "invalid value 'smell'"), ("tea lang:klingon", "invalid value"), ("from:", "invalid value"),
        ("tea sample:0", "invalid value"), ("conversation_id:abc", "invalid value"), ("tea is:nullcast", "must be negated"),
        ("has:media", "alone"), ("has:links OR is:retweet", "alone"), ("-tea", "alone"),
        ("lang:en -coffee", "alone"), ("tea and milk", "ambiguous"), ("tea or milk", "ambiguous"),
        ("(" * 60 + "tea" + ")" * 60, "nested"),
    ],
)
def test_what_x_refuses_is_refused_with_a_reason(query, why):
    with pytest.raises(QueryError, match=why):
        parse(query)


def test_an_unknown_operator_names_the_known_ones():
    with pytest.raises(QueryError) as caught:
        parse("tea near:me")
    assert all(name in str(caught.value) for name in OPERATORS)


terms = st.sampled_from(
    ["coffee", "duckdb", '"burr grinder"', "#coffee", "#sql", "@quietotter", "lang:en", "has:media", "is:reply", "is:quote",
     "has:links", "☕", "url:beanjournal", "place_country:GB"]
)
queries = st.recursive(
    terms,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda p: f"({p[0]}) ({p[1]})"),
        st.tuples(inner, inner).map(lambda p: f"({p[0]}) OR ({p[1]})"),
        inner.map(lambda q: f"-({q})"),
    ),
    max_leaves=8,
)


@given(one=queries, other=queries)
@settings(max_examples=examples(30), deadline=None)
def test_boolean_operators_are_set_operators(small, one, other):
    def run(query):
        return found(small, f"lang:en ({query}) OR from:nobody_at_all")

    everything = {p.id for p in small.listed if p.lang == "en"}
    assert run(f"({one}) ({other})") == run(one) & run(other)
    assert run(f"({one}) OR ({other})") == run(one) | run(other)
    assert run(f"-({one})") == everything - run(one)


@given(st.text(alphabet='ab()"-: ORcoffe#@$\n', max_size=40))
@settings(max_examples=examples(300), deadline=None)
def test_any_text_parses_or_is_refused(query):
    try:
        tree = parse(query)
    except QueryError as error:
        assert str(error)
    else:
        assert isinstance(tree, Term | And | Or)


@pytest.fixture(scope="module")
def small():
    return Community(seed=3, posts=300, users=60, now=NOW)


# -- operators: an oracle that knows only JSON ---------------------------------------------------------------------


def whole(community, post):
    """What a search looks at: the repeated post's JSON for reposts, with the note for long posts."""
    made = post_json(post.original or post)
    text = made.get("note_tweet", made)["text"]
    return made, re.sub(r"https?://\S+", " ", html.unescape(text)).lower()


def tagged(post, kind, key):
    for one in (post_json(post.original or post), post_json(post.original or post).get("note_tweet", {})):
        for each in one.get("entities", {}).get(kind, ()):
            yield each[key].lower()


def has_word(word):
    return lambda c, p: p.original is None and word in re.findall(r"\w+", whole(c, p)[1])


def says(phrase):
    pattern = re.compile(r"\b" + phrase.replace(" ", r"[\W_]+") + r"\b")
    return lambda c, p: p.original is None and pattern.search(whole(c, p)[1]) is not None


def refers(kind, id):
    return lambda c, p: {"type": kind, "id": str(id)} in post_json(p).get("referenced_tweets", [])


def has_media(prefix):
    def test(c, p):
        return any(k.startswith(prefix) for k in post_json(p).get("attachments", {}).get("media_keys", ()))

    return test


def from_(username):
    return lambda c, p: p.author.username.lower() == username.lower()


def to(username):
    return lambda c, p: post_json(p).get("in_reply_to_user_id") == str(c.usernames[username.lower()].id)


def in_country(code):
    return lambda c, p: "geo" in post_json(p) and c.places[post_json(p)["geo"]["place_id"]].code == code


def links_to(word):
    def test(c, p):
        return any(word in re.findall(r"\w+", url.lower()) for url in tagged(p, "urls", "expanded_url"))

    return test


LOUD = "Cobaltheron"
ORACLES = {
    "coffee": has_word("coffee"),
    "COFFEE": has_word("coffee"),
    '"burr grinder"': says("burr grinder"),
    "second-hand": says("second hand"),
    "coffee lang:en": lambda c, p: has_word("coffee")(c, p) and p.lang == "en",
    "#coffee": lambda c, p: "coffee" in tagged(p, "hashtags", "tag"),
    "#Coffee -is:retweet": lambda c, p: "coffee" in tagged(p, "hashtags", "tag") and p.original is None,
    "$BEAN": lambda c, p: "bean" in tagged(p, "cashtags", "tag"),
    "コーヒー": lambda c, p: p.original is None and "コーヒー" in whole(c, p)[1],
    "☕": lambda c, p: p.original is None and "☕" in whole(c, p)[1],
    "café": lambda c, p: has_word("café")(c, p) or has_word("cafe")(c, p),
    "duckdb OR coffee lang:de": lambda c, p: has_word("duckdb")(c, p) or (has_word("coffee")(c, p) and p.lang == "de"),
    "(duckdb OR coffee) lang:de": lambda c, p: (has_word("duckdb")(c, p) or has_word("coffee")(c, p)) and p.lang == "de",
    "coffee -espresso": lambda c, p: has_word("coffee")(c, p) and not has_word("espresso")(c, p),
    "duckdb has:images": lambda c, p: has_word("duckdb")(c, p) and has_media("3_")(c, p),
    "duckdb has:videos": lambda c, p: has_word("duckdb")(c, p) and has_media("7_")(c, p),
    "duckdb has:media": lambda c, p: has_word("duckdb")(c, p) and "media_keys" in post_json(p).get("attachments", {}),
    "duckdb has:links": lambda c, p: has_word("duckdb")(c, p) and any(tagged(p, "urls", "url")),
    "duckdb has:hashtags": lambda c, p: has_word("duckdb")(c, p) and any(tagged(p, "hashtags", "tag")),
    "duckdb -has:mentions": lambda c, p: has_word("duckdb")(c, p) and not any(tagged(p, "mentions", "username")),
    "coffee has:cashtags": lambda c, p: has_word("coffee")(c, p) and any(tagged(p, "cashtags", "tag")),
    "climate has:geo": lambda c, p: has_word("climate")(c, p) and "geo" in post_json(p),
    "climate has:polls": lambda c, p: has_word("climate")(c, p) and "poll_ids" in post_json(p).get("attachments", {}),
    "chess is:reply": lambda c, p: has_word("chess")(c, p) and "in_reply_to_user_id" in post_json(p),
    "from:LOUD is:retweet": lambda c, p: from_(LOUD)(c, p) and post_json(p)["text"].startswith("RT @"),
    "from:LOUD is:quote": lambda c, p: from_(LOUD)(c, p) and any(
        r["type"] == "quoted" for r in post_json(p).get("referenced_tweets", ())),
    "chess is:verified": lambda c, p: has_word("chess")(c, p) and p.author.verified != "none",
    "from:LOUD": from_(LOUD),
    "to:LOUD": to(LOUD),
    "from:@LOUD": from_(LOUD),
    "retweets_of:LOUD": lambda c, p: p.original is not None and from_(LOUD)(c, p.original),
    "url:beanjournal": links_to("beanjournal"),
    "place_country:gb": in_country("GB"),
    'place:"Fernmouth"': lambda c, p: "geo" in post_json(p) and c.places[post_json(p)["geo"]["place_id"]].name == "Fernmouth",
    "context:66.1000000000000000101": lambda c, p: any(
        (a["domain"]["id"], a["entity"]["id"]) == ("66", "1000000000000000101") for a in post_json(p)["context_annotations"]),
    'entity:"Coffee"': lambda c, p: any(a["entity"]["name"] == "Coffee" for a in post_json(p)["context_annotations"]),
    "coffee min_likes:20": lambda c, p: has_word("coffee")(c, p) and p.likes >= 20,
}


@pytest.mark.parametrize("query", ORACLES)
def test_operator_finds_what_the_json_says(community, query):
    expected = {p.id for p in community.listed if ORACLES[query](community, p)}
    assert found(community, query.replace("LOUD", LOUD)) == expected
    assert expected, "the community holds no example"


def test_mentions_include_the_author_a_repost_names(community):
    person = community.usernames[LOUD.lower()]
    expected = {p.id for p in community.listed
                if any(m.get("id") == str(person.id) for m in [*p.entities.get("mentions", ()),
                                                               *(p.original.entities.get("mentions", ()) if p.original else ())])}
    notes = {p.id for p in community.listed if p.note and f"@{LOUD}" in p.note[0]}
    assert found(community, f"@{LOUD}") == expected | notes


@pytest.mark.parametrize(("operator", "kind"), [
    ("in_reply_to_tweet_id", "replied_to"), ("retweets_of_tweet_id", "retweeted"), ("quotes_of_tweet_id", "quoted"),
])
def test_reference_operators(community, operator, kind):
    busiest = max((len(posts), id) for (k, id), posts in community.referring.items() if k == kind)
    count, id = busiest
    hits = found(community, f"{operator}:{id}")
    assert len(hits) == count
    assert hits == {p.id for p in community.listed if refers(kind, id)(community, p)}


def test_conversation_and_from_by_id(community):
    roots = [p for p in community.listed if p.conversation_id != p.id]
    root = roots[0].conversation_id
    assert found(community, f"conversation_id:{root}") == {p.id for p in community.listed if p.conversation_id == root}
    person = community.usernames[LOUD.lower()]
    assert found(community, f"from:{person.id}") == found(community, f"from:{LOUD}")


def test_keywords_do_not_find_reposts_and_other_operators_do(community):
    reposts = {p.id for p in community.listed if p.original}
    assert not found(community, "coffee") & reposts
    assert not found(community, '"burr grinder"') & reposts
    assert found(community, "#coffee") & reposts
    assert found(community, f"from:{LOUD}") & reposts


def test_samples_are_stable_and_nested(community):
    half, tenth = found(community, f"from:{LOUD} sample:50"), found(community, f"from:{LOUD} sample:10")
    everything = found(community, f"from:{LOUD}")
    assert tenth < half < everything
    assert found(community, f"from:{LOUD} sample:100") == everything
    assert 0.3 < len(half) / len(everything) < 0.7


def test_geography(community):
    inside = found(community, "bounding_box:[-3.53 50.60 -3.39 50.71]")
    assert inside == found(community, "place:Fernmouth")
    assert inside
    assert found(community, "point_radius:[-3.46 50.65 20km]") == inside
    assert not found(community, "point_radius:[0 0 20mi]")


def test_list_operator_finds_its_members(community):
    each = next(one for one in community.lists.values() if not one.private)
    members = {p.id for p in each.members}
    assert found(community, f"list:{each.id}") == {p.id for p in community.listed if p.author.id in members}
    hidden = [one for one in community.lists.values() if one.private]
    assert all(not found(community, f"list:{one.id}") for one in hidden)


def test_nobody_is_found_for_unknown_accounts(community):
    for query in ("from:nobody_at_all", "to:nobody_at_all", "retweets_of:nobody_at_all", "@nobody_at_all"):
        assert found(community, query) == set()
