"""The companion's bulk writes: paced, carried on after failures, told one by one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import requests

import xframes as xf
from tests.writing import NOW, Server, answer
from xframes import errors, write


@pytest.fixture
def server():
    return Server()


# bulk ----------------------------------------------------------------------------------------------------------------


def by_post(answers):
    return lambda request: answers.get(request.args.get("post_id"), answer())


def test_bulk_goes_on_after_refusals_and_sends_nothing_twice(tmp_path):
    server = Server(by_post({"2": answer(403, {"title": "Forbidden", "detail": "you are blocked", "status": 403}),
                             "3": requests.ReadTimeout("read"), "4": answer(503, b"{}")}))
    archive = xf.Archive(tmp_path / "a")
    found = write.bulk(write.like, ["1", 2, "3", "4", "5", "1"], client=server.client, into=archive, progress=False)

    assert found["post_id"].tolist() == ["1", "2", "3", "4", "5"]
    assert found["outcome"].tolist() == ["done", "refused", "unknown", "unknown", "done"]
    assert found["status"].astype(object).where(found["status"].notna(), None).tolist() == [200, 403, None, None, 200]
    assert "you are blocked" in found["error"][1]
    assert "xf.users.liked_posts shows" in found["error"][2]
    assert len(server.writes) == 5
    assert archive.tables["writes"] == 2
    assert archive.runs()[["action", "state", "page_count"]].values.tolist() == [["write.like", "done", 2]]


def test_bulk_fills_the_argument_that_is_left(server):
    import pandas as pd

    found = write.bulk(write.add_list_member, pd.Series(["8", "9"]), list_id="5", client=server.client, progress=False)

    assert found.columns.tolist() == ["user_id", "outcome", "status", "answer", "error"]
    assert [(r.path, r.body) for r in server.writes] == [("/2/lists/5/members", {"user_id": "8"}),
                                                        ("/2/lists/5/members", {"user_id": "9"})]


@pytest.mark.parametrize(("function", "ids", "more", "message"), [
    (write.add_list_member, ["1"], {}, "list_id"),
    (write.create_post, ["1"], {}, r"write\.create_post"),
    (write.create_list, ["1"], {}, r"write\.create_list.*\bname\b"),
    (len, ["1"], {}, "function"),
    (write.like, ["1", "x"], {}, "item 1 of post_ids"),
    (write.like, [], {}, "post_ids is empty"),
    (write.like, ["1"], {"colour": "red"}, "'colour'"),
])
def test_bulk_checks_everything_before_the_first_request(server, function, ids, more, message):
    with pytest.raises(errors.ArgumentError, match=message):
        write.bulk(function, ids, client=server.client, **more)
    assert server.field_params == []


def test_bulk_stops_where_going_on_is_useless_and_resumes_with_the_rest(tmp_path):
    capped = answer(429, {"title": "UsageCapExceeded", "type": "https://api.x.com/2/problems/usage-capped"})
    server = Server(by_post({"3": capped}))
    archive = xf.Archive(tmp_path / "a")
    with pytest.raises(errors.Interrupted, match="2 of 4") as caught:
        write.bulk(write.like, ["1", "2", "3", "4"], client=server.client, into=archive, progress=False)

    assert caught.value.frames["outcome"].tolist() == ["done", "done"]
    assert archive.tables["writes"] == 2
    server.respond = lambda _: answer()
    rest = caught.value.resume()
    assert rest["outcome"].tolist() == ["done"] * 4
    assert [r.args["post_id"] for r in server.writes] == ["1", "2", "3", "3", "4"]
    assert archive.tables["writes"] == 4


def test_what_ctrl_c_interrupts_is_unknown_and_not_sent_again(server):
    def press(request):
        if request.args["post_id"] == "2":
            raise KeyboardInterrupt
        return answer()

    server.respond = press
    with pytest.raises(errors.Interrupted) as caught:
        write.bulk(write.like, ["1", "2", "3"], client=server.client, progress=False)
    assert caught.value.frames["outcome"].tolist() == ["done", "unknown"]
    assert caught.value.resume()["outcome"].tolist() == ["done", "unknown", "done"]
    assert [r.args["post_id"] for r in server.writes] == ["1", "2", "3"]


def test_bulk_keeps_to_the_rate_limit():
    moment = [NOW.timestamp()]
    server = Server()
    server.client.now = lambda: datetime.fromtimestamp(moment[0], UTC)
    server.client.sleep = lambda seconds: moment.__setitem__(0, moment[0] + seconds)
    found = write.bulk(write.mute, range(1, 121), client=server.client, progress=False)

    assert (found["outcome"] == "done").all()
    assert 900 < moment[0] - NOW.timestamp() <= 1800  # 50 in 15 minutes
