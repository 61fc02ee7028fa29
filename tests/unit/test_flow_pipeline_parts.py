"""How a line is built: what it takes, what it refuses and says about it, and the links it makes."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager

import pytest

from tests.unit.flow_kit import counting, passing, through
from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.errors import ConfigError, FormatMismatch
from voicekit.flow import Full, FunctionStage, LinkSpec, Pipeline, Stage, TransformPart, each, pipeline, stage, tap

WIDE = AudioFormat(16_000)
NARROW = AudioFormat(8_000)


def passed_on(name: str, produces: AudioFormat | None = None, accepts: AudioFormat | None = None) -> TransformPart:
    return TransformPart(name, each(lambda item: item).start, accepts=accepts, produces=produces)


class Foreign:
    """A stage that knows nothing of voicekit's conveniences."""

    name = "foreign"

    @asynccontextmanager
    async def open(self):
        yield passing.run


async def test_a_pipe_takes_anything_that_is_a_stage():
    """One side of `|` that is a part of voicekit is enough."""
    for piped in (Foreign() | passing, passing | Foreign(), Foreign() | tap(print) | Foreign()):
        assert isinstance(piped, Stage)
    assert await through(Foreign() | passing | Foreign(), [1]) == [1]


@pytest.mark.parametrize("wrong", [print, "text", 7, None])
def test_what_is_no_part_is_refused_when_the_line_is_built(wrong):
    """The message says what a line takes and what it was given."""
    with pytest.raises(ConfigError, match="a pipeline takes stages") as caught:
        passing | wrong
    assert repr(wrong) in str(caught.value)


def test_neighbours_that_disagree_about_the_sound_are_both_named():
    """A mismatch is found before any sound flows, through transforms that don't change the format."""
    source = FunctionStage(passing.run, "microphone", produces=WIDE)
    ear = FunctionStage(passing.run, "ear", accepts=NARROW)
    with pytest.raises(FormatMismatch, match=r"'ear' takes .*8000.*'microphone' before it produces .*16000.*resample"):
        source | tap(print) | LinkSpec(10) | ear
    with pytest.raises(FormatMismatch, match=r"'ear' .*'what comes in'"):
        Pipeline(ear, given=WIDE)
    with pytest.raises(FormatMismatch, match=r"'picky'.*'microphone'"):
        pipeline(source, passed_on("picky", accepts=NARROW))
    to_narrow = passed_on("resample", produces=NARROW)
    agreed = source | to_narrow | ear
    assert (agreed.accepts, agreed.produces) == (None, None)
    assert pipeline(source, to_narrow).produces == NARROW
    assert pipeline(ear, source).accepts == NARROW


@pytest.mark.parametrize(
    "parts", [[LinkSpec(1), passing], [passing, LinkSpec(1), LinkSpec(1), passing], [tap(print), LinkSpec(1)]]
)
def test_a_via_that_is_not_between_two_stages_is_refused(parts):
    """A link that does not exist can't be described, and one link has one description."""
    with pytest.raises(ConfigError, match="LinkSpec"):
        Pipeline(*parts)


async def test_a_line_that_ends_with_a_via_is_only_good_for_going_on():
    """Something may still be put behind it; opened as it is, it would ignore what was asked for."""
    unfinished = passing | LinkSpec(10)
    assert len((unfinished | passing).stages) == 2
    with pytest.raises(ConfigError, match="ends with a LinkSpec"):
        await through(unfinished)


@pytest.mark.parametrize(("capacity", "full"), [(0, Full.WAIT), (10, "wait")])
def test_a_via_with_a_wrong_rule_is_refused_where_it_is_written(capacity, full):
    """Not only when the line runs."""
    with pytest.raises(ConfigError, match="link 'mine'"):
        LinkSpec(capacity, full, "mine")


async def test_a_transform_is_told_the_format_it_will_be_fed():
    """The format is that of the stage before it, or of the last transform that changed it."""
    told: list[object] = []

    def part(produces: AudioFormat | None = None) -> TransformPart:
        return TransformPart(
            "p", lambda context: told.append(context.format) or passed_on("p").start(context), produces=produces
        )

    source = FunctionStage(counting(0).run, "source", produces=WIDE)
    await through(Pipeline(part(), source, part(), part(NARROW), part(), passing, part(), given=NARROW))
    assert told == [NARROW, WIDE, WIDE, NARROW, None]


async def test_a_via_describes_its_link_and_others_get_a_good_default():
    """Capacity, policy and name as written; two seconds of sound where the format is known, 400 where not."""
    seen: list[object] = []

    def looking(name: str, produces: AudioFormat | None) -> FunctionStage:
        async def run(inbox, outbox):
            seen.append(outbox.statistics())

        return FunctionStage(run, name, produces=produces)

    ears = (
        looking("a", WIDE) | LinkSpec(7, Full.DROP_OLDEST, "mine") | looking("b", WIDE) | looking("c", None) | passing
    )
    await through(Pipeline(ears, name="ears"))
    described = sorted((each.name, each.capacity, each.full) for each in seen[:3])
    assert described == [
        ("ears: behind b", 32_000, Full.WAIT),
        ("ears: behind c", 400, Full.WAIT),
        ("mine", 7, Full.DROP_OLDEST),
    ]


async def test_a_via_tells_what_was_dropped():
    """`on_drop` of a LinkSpec hears of every sample that its link drops."""
    dropped: list[int] = []

    @stage
    async def source(inbox, outbox):
        for at in range(0, 100, 10):
            outbox.offer(AudioFrame(bytes(20), at, WIDE))

    out = await through(source | LinkSpec(30, Full.DROP_OLDEST, on_drop=dropped.append) | passing)
    assert [item.at for item in out] == [0, 70, 80, 90]
    assert sum(dropped) == 70


async def test_what_a_transform_imports_is_imported_before_it_starts(monkeypatch):
    """A module that takes long to import is there, in a thread's time, when the line is open."""
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    part = TransformPart("colours", each(lambda item: item).start, loads=("colorsys",))
    async with Pipeline(passing, part, passing).open():
        assert "colorsys" in sys.modules
