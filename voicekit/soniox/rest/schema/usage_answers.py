"""The service's answers about usage and concurrency, as typed JSON, for clients and servers; see `answers`.

Source: the vendor's REST API reference.
"""

from __future__ import annotations

from datetime import date, datetime

from msgspec import Struct


class UsageLog(Struct, frozen=True, kw_only=True):
    """One billed request. Costs are in US dollars."""

    uuid: str
    request_scope: str = ""
    client_reference_id: str = ""
    model: str = ""
    start_time: datetime | None = None
    end_time: datetime | None = None
    input_text_tokens: int = 0
    input_audio_tokens: int = 0
    input_audio_duration_ms: int = 0
    output_text_tokens: int = 0
    output_audio_tokens: int = 0
    output_audio_duration_ms: int = 0
    cost_usd: str = "0"
    input_cost_usd: str = "0"
    input_text_cost_usd: str = "0"
    input_audio_cost_usd: str = "0"
    output_cost_usd: str = "0"
    output_text_cost_usd: str = "0"
    output_audio_cost_usd: str = "0"


class UsageEntry(Struct, frozen=True, kw_only=True):
    """The usage of one model, or of all models if `model` is None. Every list has one value for each day in `days`."""

    model: str | None = None
    days: tuple[date, ...] = ()
    total_cost_usd: str = "0"
    total_input_cost_usd: str = "0"
    total_output_cost_usd: str = "0"
    total_duration_cost_usd: str = "0"
    cost_usd: tuple[str, ...] = ()
    input_cost_usd: tuple[str, ...] = ()
    output_cost_usd: tuple[str, ...] = ()
    duration_cost_usd: tuple[str, ...] = ()
    total_num_requests: int = 0
    total_input_text_tokens: int = 0
    total_input_audio_tokens: int = 0
    total_input_audio_duration_ms: int = 0
    total_output_text_tokens: int = 0
    total_output_audio_tokens: int = 0
    total_output_audio_duration_ms: int = 0
    total_duration_ms: int = 0
    num_requests: tuple[int, ...] = ()
    input_text_tokens: tuple[int, ...] = ()
    input_audio_tokens: tuple[int, ...] = ()
    input_audio_duration_ms: tuple[int, ...] = ()
    output_text_tokens: tuple[int, ...] = ()
    output_audio_tokens: tuple[int, ...] = ()
    output_audio_duration_ms: tuple[int, ...] = ()
    duration_ms: tuple[int, ...] = ()


class UsageSummary(Struct, frozen=True, kw_only=True):
    """The usage day by day: in total, and for each model that was used."""

    total: UsageEntry
    models: tuple[UsageEntry, ...] = ()


class AtOnce(Struct, frozen=True, kw_only=True):
    """How many sessions and streams are running at the same time, or how many may run; as a limit, None means
    unlimited."""

    transcribe_concurrent: int | None = None
    tts_concurrent: int | None = None


class Concurrency(Struct, frozen=True, kw_only=True):
    """How many sessions and streams are running, and their limits."""

    current: AtOnce = AtOnce()
    limits: AtOnce = AtOnce()


class ConcurrencyLimits(Struct, frozen=True, kw_only=True):
    """The concurrency of the project, and of the organization that the project belongs to."""

    project: Concurrency = Concurrency()
    organization: Concurrency = Concurrency()


class StreamsPeriod(Struct, frozen=True, kw_only=True):
    """How many streams ran at the same time in one period.

    `sample_max` is the peak. `sample_sum` divided by `sample_count` is the mean over the time when at least one stream
    ran; divided by `total_count`, it is the mean over the whole period.
    """

    period_start: datetime
    period_sec: int = 0
    sample_min: int = 0
    sample_max: int = 0
    sample_sum: int = 0
    sample_count: int = 0
    total_count: int = 0


class StreamsHistory(Struct, frozen=True, kw_only=True):
    """Consecutive periods, oldest first. `kind` is "stt" or "tts"."""

    kind: str = ""
    entries: tuple[StreamsPeriod, ...] = ()
