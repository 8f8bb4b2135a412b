"""Community Notes: the tables (TSV) that X publishes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from xframes.reader.formats.conversion import read_record
from xframes.reader.formats.file_objects import Converted
from xframes.reader.formats.readings import COUNT, FLAG, ID, TEXT, TIME
from xframes.reader.formats.source_format import Format, Key, Shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xframes.reader.formats.file_objects import Notes

_TICKED = ("misleading*", "notMisleading*", "helpful*", "notHelpful*", "trustworthySources",
           "believable", "harmful", "validationDifficulty", "agree", "disagree")


def _ticked(row: Mapping[str, Any]) -> list[str]:
    """Return the names of the answers that were ticked."""
    return [name for name, cell in row.items() if cell == "1" and name != "isMediaNote"]


def _read(shape: Shape, key: str, row: Mapping[str, Any], notes: Notes) -> list[Converted]:
    own = read_record(shape, row, notes).main
    if not own.get(key):
        notes.add_record(f"a row without {key}")
        return []
    if _TICKED[0] in shape.left_out and (ticked := _ticked(row)):
        own["reasons"] = ticked
    return [Converted({"data": [own]}, shape.kind)]


def _format(
    name: str, key: str, kind: str, table: str, marks: tuple[tuple[str, ...], ...], *keys: Key,
    left_out: tuple[str, ...] = (),
) -> Format:
    shape = Shape(kind, keys, left_out=left_out)
    return Format(
        f"community-notes-{name}", "Community Notes (X's public files)", "exports", "table", shape,
        certain=marks, convert=partial(_read, shape, key), tables=(table,),
        cannot_say="the accounts of writers",
    )


_NOTES, _RATINGS = "community_notes", "community_note_ratings"
_STATUS, _WRITERS = "community_note_status", "community_note_writers"
FORMATS = (
    _format(
        "notes", "note_id", "community_note", _NOTES, (("noteId", "tweetId", "classification"),),
        Key("noteId", f"{_NOTES}.note", ID), Key("tweetId", f"{_NOTES}.post_id", ID),
        Key("noteAuthorParticipantId|participantId", f"{_NOTES}.writer", TEXT),
        Key("createdAtMillis", f"{_NOTES}.created_at", TIME),
        Key("classification", f"{_NOTES}.classification"), Key("summary", f"{_NOTES}.summary"),
        Key("isMediaNote", f"{_NOTES}.is_media_note", FLAG),
        left_out=(*_TICKED, "isCollaborativeNote"),
    ),
    _format(
        "ratings", "note_id", "community_note_rating", _RATINGS,
        (("noteId", "raterParticipantId"), ("noteId", "participantId", "helpfulOther"),
         ("noteId", "participantId", "agree")),
        Key("noteId", f"{_RATINGS}.note", ID),
        Key("raterParticipantId|participantId", f"{_RATINGS}.rater", TEXT),
        Key("createdAtMillis", f"{_RATINGS}.created_at", TIME),
        Key("helpfulnessLevel", f"{_RATINGS}.helpfulness"),
        Key("ratedOnTweetId", f"{_RATINGS}.rated_on_post_id", ID),
        left_out=(*_TICKED, "version", "ratingSourceBucketed", "suggestion"),
    ),
    _format(
        "status", "note_id", "community_note_status", _STATUS,
        (("noteId", "currentStatus", "createdAtMillis"),),
        Key("noteId", f"{_STATUS}.note", ID),
        Key("noteAuthorParticipantId|participantId", f"{_STATUS}.writer", TEXT),
        Key("createdAtMillis", f"{_STATUS}.created_at", TIME),
        Key("currentStatus", f"{_STATUS}.current_status"),
        Key("timestampMillisOfCurrentStatus", f"{_STATUS}.current_status_at", TIME),
        Key("firstNonNMRStatus", f"{_STATUS}.first_status"),
        Key("timestampMillisOfFirstNonNMRStatus", f"{_STATUS}.first_status_at", TIME),
        Key("mostRecentNonNMRStatus", f"{_STATUS}.latest_status"),
        Key("timestampMillisOfLatestNonNMRStatus", f"{_STATUS}.latest_status_at", TIME),
        Key("lockedStatus", f"{_STATUS}.locked_status"),
        Key("timestampMillisOfStatusLock", f"{_STATUS}.locked_status_at", TIME),
        left_out=("*currentCoreStatus", "current*", "timestampMinute*", "timestampMillisOf*",
                  "*Group*"),
    ),
    _format(
        "writers", "writer_id", "community_note_writer", _WRITERS,
        (("participantId", "enrollmentState"),),
        Key("participantId", f"{_WRITERS}.writer", TEXT),
        Key("enrollmentState", f"{_WRITERS}.state"),
        Key("timestampOfLastStateChange", f"{_WRITERS}.changed_at", TIME),
        Key("numberOfTimesEarnedOut", f"{_WRITERS}.earned_out_count", COUNT),
        left_out=("successfulRatingNeededToEarnIn", "timestampOfLastEarnOut", "modeling*"),
    ),
    Format(
        "community-notes-requests", "Community Notes: requests for notes", "exports", "table",
        certain=(("tweetId", "userId", "createdAtMillis", "sourceLink"),
                 ("noteRequestFeedEligibleTimestamp",)),
        way_out="no table holds them",
    ),
)
