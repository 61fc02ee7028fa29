"""One error stays one error: unwraps the groups that nurseries put around a single exception.

Each nursery between a stage and the caller of `run()` would add a layer of ExceptionGroup. `alone()` is used around
every stage: it removes the layer if the group has just one error, and records the stage in that error. If several
errors remain in a group, it marks each of them, because the group may be taken apart later. The stage is recorded as a
note for people, and as an attribute for programs, which `stages_of(error)` reads.
"""

from __future__ import annotations

import trio


def sole(error: BaseException) -> BaseException:
    """`error` itself or, if that is a group with a single exception (however deeply nested), that exception.

    Cancellations in a group that contains errors don't count, and are removed: they only stop other tasks, and the
    errors do that as well.
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
    """Whether `error` is only trio's way of stopping tasks."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(trio.Cancelled)[1] is None
    return isinstance(error, trio.Cancelled)


class alone:
    """Used in a `with`: if a group with a single exception is raised in the body, that exception is raised instead.
    `note` is added to every Exception that leaves the body.

    `stage` is the name of the stage that runs in the body; its errors are marked with it.
    """

    __slots__ = ("_note", "_stage")

    def __init__(self, note: str | None = None, *, stage: str | None = None) -> None:
        self._note = note
        self._stage = stage

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        inner, stage = sole(error), self._stage
        note = self._note if stage is None else f"in stage {stage!r}"
        if note is not None:
            _sign(inner, note, stage)
        if inner is error:
            return
        context = inner.__context__
        try:
            raise inner
        finally:
            inner.__context__ = context  # otherwise the group would be shown as the error's context
            del error, inner, context


def stages_of(error: BaseException) -> tuple[str, ...]:
    """The names of the stages that `error` came from, the innermost first."""
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
