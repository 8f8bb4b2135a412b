"""Texts of every script: drawn in any installed font that has them, and one warning if none has."""

import matplotlib as mpl
import pandas as pd
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager

import xframes as xf
from xframes.plot.canvas.glyphs import drawable, fit, lacking, readable

mpl.use("Agg")
from matplotlib import pyplot as plt

RUNES, LINEAR_A = "\u16a0\u16a2\u16a6", "\U00010600\U00010601"  # letters DejaVu does not have


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture
def installed(tmp_path):
    """Install a font that has these letters, and nothing else."""
    before = list(font_manager.fontManager.ttflist)

    def install(name, letters, style="Regular"):
        pen = TTGlyphPen(None)
        pen.moveTo((0, 0))
        pen.lineTo((500, 0))
        pen.lineTo((250, 700))
        pen.closePath()
        glyph = pen.glyph()
        names = [".notdef", *(f"u{ord(c):x}" for c in letters)]
        made = FontBuilder(1000, isTTF=True)
        made.setupGlyphOrder(names)
        made.setupCharacterMap({ord(c): f"u{ord(c):x}" for c in letters})
        made.setupGlyf(dict.fromkeys(names, glyph))
        made.setupHorizontalMetrics(dict.fromkeys(names, (600, 0)))
        made.setupHorizontalHeader(ascent=800, descent=-200)
        made.setupNameTable({"familyName": name, "styleName": style})
        made.setupOS2(sTypoAscender=800, usWinAscent=800, usWinDescent=200)
        made.setupPost()
        path = tmp_path / f"{name}-{style}.ttf"
        made.save(path)
        font_manager.fontManager.addfont(path)

    yield install
    font_manager.fontManager.ttflist[:] = before
    font_manager.fontManager._findfont_cached.cache_clear()


def draw(*tags):
    ax = xf.plot.top(pd.DataFrame({"tag": tags}))
    ax.figure.draw_without_rendering()  # warnings are errors
    return [label.get_text() for label in ax.get_yticklabels()], ax


def test_a_font_that_has_the_letters_is_chosen_behind_the_usual_one(installed):
    assert drawable("abc")
    assert not drawable(RUNES)
    installed("Runic of These Tests", RUNES)
    words, fonts = fit(f"tea {RUNES}", ("sans-serif",))
    assert (words, fonts) == (f"tea {RUNES}", ["sans-serif", "Runic of These Tests"])
    labels, ax = draw(RUNES)
    assert labels == [f"#{RUNES}"]
    assert ax.get_yticklabels()[0].get_fontfamily()[-1] == "Runic of These Tests"


def test_a_text_of_many_scripts_has_many_fonts_those_for_reading_first(installed):
    installed("Aardvark Symbols", RUNES + LINEAR_A[:1])
    installed("Noto Sans Invented", LINEAR_A)
    assert fit(RUNES + LINEAR_A, ("sans-serif",))[1] == ["sans-serif", "Noto Sans Invented", "Aardvark Symbols"]


def test_fonts_that_draw_placeholders_are_never_chosen(installed):
    installed("Last Resort Invented", RUNES)
    assert fit(RUNES, ("sans-serif",)) == ("□□□", ["sans-serif"])


def test_what_no_font_has_is_a_box_with_one_warning():
    with pytest.warns(UserWarning, match=RUNES) as told:
        labels, ax = draw(f"tea{RUNES}", f"coffee{RUNES}")
    assert len(told) == 1
    assert told[0].filename == __file__
    assert labels == ["#coffee□□□", "#tea□□□"]
    plt.close(ax.figure)
    with pytest.warns(UserWarning, match=RUNES) as told:
        ax = xf.plot.timeline(pd.DataFrame({"created_at": ["2026-03-01T00:00Z"], "lang": [RUNES]}), by="lang")
    assert len(told) == 1
    ax.figure.draw_without_rendering()
    assert ax.get_legend().get_texts()[0].get_text() == "□□□"


def test_labels_of_boxes_differ(installed):
    with pytest.warns(UserWarning, match="no installed font"):
        assert draw(RUNES, RUNES[::-1], LINEAR_A)[0] == ["#□□□ (1)", "#□□□ (2)", "#□□"]
    counted = pd.DataFrame({"query": [RUNES, RUNES[::-1]], "granularity": "day", "start_at": pd.to_datetime(["2026-03-01", "2026-03-02"], utc=True),
                            "end_at": pd.to_datetime(["2026-03-02", "2026-03-03"], utc=True), "post_count": [1, 2]})
    with pytest.warns(UserWarning, match="no installed font"):
        ax = xf.plot.counts(counted)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["□□□ (1)", "□□□ (2)"]
    assert set(xf.plot.counts.data(counted)["query"]) == {RUNES, RUNES[::-1]}
    with pytest.warns(UserWarning, match="no installed font"):
        ax = xf.plot.network(pd.DataFrame({"source": [RUNES], "target": [RUNES[::-1]]}))
    assert {text.get_text() for text in ax.texts} == {"□□□ (1)", "□□□ (2)"}


def test_long_labels_that_begin_alike_differ():
    long = "a very long hashtag that goes on and on without an end"
    assert len(set(draw(f"{long}1", f"{long}2")[0])) == 2


def test_scripts_without_a_font_are_listed(installed):
    assert "Latin, Greek and Cyrillic" not in lacking()
    if "Korean" in lacking():
        installed("Korean of These Tests", "한국어")
        assert "Korean" not in lacking()


@pytest.mark.parametrize(("text", "said"), [
    ("\u202eabc\u202c \u2067x\u2069\u200f", "abc x"),  # what turns the direction of others' labels
    ("a\nb\tc\x00", "a b c"), ("\U0001d5ef\U0001d5fc\U0001d5f9\U0001d5f1", "\U0001d5ef\U0001d5fc\U0001d5f9\U0001d5f1"),
    ("\U0001d5ef\U000e0067\ufe0f"[1:], "\ufe0f"), ("\u7b2c", "□"), ("\u3392", "MHz"), ("e\u0301", "e\u0301"),
])
def test_marks_that_cannot_be_seen_go_and_letters_stay(text, said):
    assert readable(text) == said
    if "□" not in said:
        draw(text)


def test_a_broken_font_keeps_nothing_from_being_drawn(installed, tmp_path):
    installed("Broken of These Tests", RUNES)
    next(tmp_path.glob("Broken*")).write_bytes(b"no font")
    assert readable(RUNES) == "□□□"


def test_cashtags_are_no_formulas():
    labels, ax = draw("$x$", "a_{b}$")
    assert set(labels) == {"#$x$", "#a_{b}$"}
    assert not any(label.get_parse_math() for label in ax.get_yticklabels())
