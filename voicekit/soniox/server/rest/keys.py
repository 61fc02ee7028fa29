"""Temporary keys, and the current numbers of sessions and streams."""

from __future__ import annotations

from datetime import timedelta

from voicekit.soniox.rest.schema.answers import TemporaryKey
from voicekit.soniox.rest.schema.requests import KeyRequest
from voicekit.soniox.rest.schema.usage_answers import AtOnce, Concurrency, ConcurrencyLimits
from voicekit.soniox.server.account import TEMPORARY, Key, Service
from voicekit.soniox.server.rest.reading import answer, read
from voicekit.soniox.server.rest.shared import RestAnswer, RestCall, RestDesk, RestRoute


class ServedKeys:
    """Creates temporary keys, which the account then accepts. Reports how many sessions and streams are running."""

    def __init__(self, desk: RestDesk) -> None:
        self._desk = desk

    def routes(self) -> list[RestRoute]:
        return [
            RestRoute("POST", "/v1/auth/temporary-api-key", self._create),
            RestRoute("GET", "/v1/concurrency-limits", self._concurrency),
        ]

    def _create(self, call: RestCall) -> RestAnswer:
        request = read(call, KeyRequest, required=("usage_type", "expires_in_seconds"))
        longest = request.max_session_duration_seconds
        key = Key(
            TEMPORARY + self._desk.mint(),
            usage=Service(request.usage_type),
            expires_at=call.now + request.expires_in_seconds,
            single_use=bool(request.single_use),
            session_s=None if longest is None else float(longest),
        )
        self._desk.account.add(key)
        expires = self._desk.date(call.now) + timedelta(seconds=request.expires_in_seconds)
        return answer(201, TemporaryKey(api_key=key.secret, expires_at=expires))

    def _concurrency(self, call: RestCall) -> RestAnswer:
        running, most = (
            AtOnce(transcribe_concurrent=numbers[Service.STT], tts_concurrent=numbers[Service.TTS])
            for numbers in (self._desk.account.running, self._desk.account.at_once)
        )
        both = Concurrency(current=running, limits=most)
        return answer(200, ConcurrencyLimits(project=both, organization=both))
