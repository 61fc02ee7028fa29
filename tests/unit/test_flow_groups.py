"""One error stays one error, and says where it was."""

from __future__ import annotations

import pytest

from voicekit.flow.groups import alone, sole


def test_the_sole_error_is_found_however_deep_it_is():
    """A group of one of one is that one; a group of two, or no group at all, is itself."""
    error, other = ValueError(), KeyError()
    assert sole(error) is error
    assert sole(ExceptionGroup("", [ExceptionGroup("", [error])])) is error
    two = ExceptionGroup("", [error, other])
    assert sole(ExceptionGroup("", [two])) is two
    stop = KeyboardInterrupt()
    assert sole(BaseExceptionGroup("", [stop])) is stop


def test_a_lone_error_leaves_its_group():
    """It keeps its cause and its context; the group is not shown as either."""
    cause = KeyError("cause")
    error = ValueError("effect")
    error.__cause__ = cause
    with pytest.raises(ValueError, match="effect") as caught, alone():
        raise ExceptionGroup("", [error])
    assert caught.value is error
    assert caught.value.__cause__ is cause
    assert caught.value.__context__ is None


def test_two_errors_stay_together():
    """A group of several goes on as it is."""
    group = ExceptionGroup("", [ValueError(), KeyError()])
    with pytest.raises(ExceptionGroup) as caught, alone():
        raise group
    assert caught.value is group


def test_every_error_is_signed_once():
    """The note is on each Exception, at whatever depth, once; on nothing that is no Exception."""
    error, other, stop = ValueError(), KeyError(), KeyboardInterrupt()
    with pytest.raises(BaseExceptionGroup), alone("in stage 'x'"), alone("in stage 'x'"):
        raise BaseExceptionGroup("", [error, ExceptionGroup("", [other]), stop])
    assert error.__notes__ == other.__notes__ == ["in stage 'x'"]
    assert not hasattr(stop, "__notes__")


def test_where_nothing_is_raised_nothing_happens():
    """It is only there for errors."""
    with alone("in stage 'x'"):
        done = True
    assert done
