"""One error stays one error: unwraps the groups that nurseries put around a single exception.

Each nursery between a stage and the person who called `run()` would add a layer of ExceptionGroup. `alone()` stands
at every stage door and takes the layer off again where there is just one error in it, and writes whose it was: on
each error of a group, because a group does not outlive its other members. The stage is a note for people and an
attribute for programs: `stages_of(error)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import trio


def sole(error: BaseException) -> BaseException:
    """`error`, or the one exception inside when it is a group of one (of one, ...).

    Cancellations in a group with errors don't count, and are left out: they are how the other tasks were stopped, and
    the errors stop the rest as well.
    """
    while isinstance(error, BaseExceptionGroup):
        cancelled, errors = error.split(trio.Cancelled)
        if cancelled is not None and errors is not None:
            error = errors
        if len(error.exceptions) > 1:
            return error
        error = error.exceptions[0]
    return error


def is_cancellation(error: BaseException) -> bool:
    """Whether `error` is nothing but trio's way of stopping tasks."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(trio.Cancelled)[1] is None
    return isinstance(error, trio.Cancelled)


@contextmanager
def alone(note: str | None = None, *, stage: str | None = None) -> Iterator[None]:
    """Raise what is inside a group of one in the group's place; add `note` to every Exception that passes.

    `stage` is the name of the stage that runs in the body: it signs its errors.
    """
    if stage is not None:
        note = f"in stage {stage!r}"
    try:
        yield
    except BaseException as error:  # nothing is lost: the same error, or its only member, is raised again
        inner = sole(error)
        if note is not None:
            _sign(inner, note, stage)
        if inner is error:
            raise
        context = inner.__context__
        try:
            raise inner
        finally:
            inner.__context__ = context  # otherwise the group would be shown as the error's context
            del error, inner, context


def stages_of(error: BaseException) -> tuple[str, ...]:
    """The names of the stages that `error` came out of, the innermost first."""
    stages: tuple[str, ...] = getattr(error, "voicekit_stages", ())
    return stages


def _sign(error: BaseException, note: str, stage: str | None) -> None:
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            _sign(member, note, stage)
    elif isinstance(error, Exception) and note not in getattr(error, "__notes__", ()):
        error.add_note(note)
        if stage is not None:
            error.voicekit_stages = (*stages_of(error), stage)  # type: ignore[attr-defined]  # ours, on any error
