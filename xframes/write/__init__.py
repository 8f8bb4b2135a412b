"""Writes: functions that change something at X. Import them with `from xframes import write`.

They need a client made with `xf.Client(writes=True)`. Each function carries out one action and
returns Frames whose main table `writes` has a row with the action, its arguments, the status and
X's answer. `into=archive` also keeps it there. `dry_run=True` sends nothing and returns the
Request; your own id, if not passed, is `{id}` in its path. Nothing is sent twice: if no answer
comes, OutcomeUnknown says how to check the outcome. `bulk` carries out one write for many ids.
"""

from xframes.write.attachments import (
    add_subtitles,
    delete_subtitles,
    set_media_metadata,
    upload_media,
)
from xframes.write.bulk import bulk
from xframes.write.compliance_jobs import create_compliance_job, run_compliance_job
from xframes.write.direct_messages import create_conversation, send_message, send_to_conversation
from xframes.write.following import follow, mute, unfollow, unmute
from xframes.write.list_edits import (
    add_list_member,
    create_list,
    delete_list,
    follow_list,
    pin_list,
    remove_list_member,
    unfollow_list,
    unpin_list,
    update_list,
)
from xframes.write.publishing import (
    bookmark,
    create_post,
    delete_post,
    like,
    remove_bookmark,
    repost,
    undo_repost,
    unhide_reply,
    unlike,
)
from xframes.write.rules import add_stream_rules, delete_stream_rules, set_stream_rules

__all__ = [
    "add_list_member", "add_stream_rules", "add_subtitles", "bookmark", "bulk",
    "create_compliance_job", "create_conversation", "create_list", "create_post", "delete_list",
    "delete_post", "delete_stream_rules", "delete_subtitles", "follow", "follow_list", "like",
    "mute", "pin_list", "remove_bookmark", "remove_list_member", "repost", "run_compliance_job",
    "send_message", "send_to_conversation", "set_media_metadata", "set_stream_rules",
    "undo_repost", "unfollow", "unfollow_list", "unhide_reply", "unlike", "unmute", "unpin_list",
    "update_list", "upload_media",
]


def __dir__() -> list[str]:
    return list(__all__)
