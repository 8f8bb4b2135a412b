"""Tables of relations, e.g. who likes or follows what: known from the action of a request."""

from xframes.schema.declarations import INT, STR, Col, Private, Table


def _relation(
    name: str, doc: str, left: Col, right: Col, *more: Col, private: Private | None = None
) -> Table:
    position = Col("position", "", INT, "Position on the page, from 0, in X's order.")
    return Table(name, "relation", doc, key=(left.name, right.name), private=private,
                 body=(left, right, *more, position))


_USER = Col("user_id", "", STR, "The user.", names="users")
_POST = Col("post_id", "", STR, "The post.", names="posts")
_LIST = Col("list_id", "", STR, "The list.", names="lists")
_SPACE = Col("space_id", "", STR, "The Space.", names="spaces")

RELATIONS = (
    _relation("likes", "Who likes which post.", _USER, _POST),
    _relation("reposts", "Who reposted which post.", _USER, _POST),
    _relation("bookmarks", "Who bookmarked which post.", _USER, _POST, private="caller"),
    _relation("follows", "Who follows whom.",
              Col("follower_id", "", STR, "The user who follows.", names="users"),
              Col("followed_id", "", STR, "The user who is followed.", names="users")),
    _relation("blocks", "Who blocks whom.", _USER,
              Col("blocked_id", "", STR,
                  "The user who is blocked.", names="users"), private="caller"),
    _relation("mutes", "Who mutes whom.", _USER,
              Col("muted_id", "", STR, "The user who is muted.", names="users"), private="caller"),
    _relation("list_members", "Which users are members of which list.", _LIST, _USER),
    _relation("list_followers", "Who follows which list.", _LIST, _USER),
    _relation("list_posts", "Which posts were in a list's timeline.", _LIST, _POST),
    _relation("list_pins", "Which lists a user pinned.", _USER, _LIST),
    _relation("space_buyers", "Who bought a ticket to which Space.", _SPACE, _USER),
    _relation("space_posts", "Which posts were shared in which Space.", _SPACE, _POST),
    _relation("bookmark_folder_posts", "Which bookmarks are in which folder.",
              Col("folder_id", "", STR, "The folder.", names="bookmark_folders"), _POST,
              private="caller"),
    _relation("rule_matches", "Which stream rule a post matched.",
              Col("rule_id", "", STR, "The rule.", names="stream_rules"), _POST,
              Col("tag", "", STR, "The rule's tag.", holds="query")),
)
