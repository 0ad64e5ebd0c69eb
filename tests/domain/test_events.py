from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from strategies import instants, payloads

from rollout.domain.events import (
    KINDS,
    VERSION,
    Event,
    Payload,
    SoakStarted,
    decode_payload,
    encode_payload,
    kind_of,
)


@given(payloads)
def test_a_payload_reads_back_to_itself(payload: Any) -> None:
    assert decode_payload(encode_payload(payload)) == payload


@given(payloads)
def test_equal_payloads_have_equal_bytes(payload: Any) -> None:
    again: Any = decode_payload(encode_payload(payload))
    assert encode_payload(again) == encode_payload(payload)


@given(payloads)
def test_the_kind_in_the_bytes_names_the_type(payload: Any) -> None:
    body = msgspec.json.decode(encode_payload(payload))
    assert kind_of(payload) == body["kind"]
    assert KINDS[body["kind"]] is type(payload)


def test_every_payload_has_a_kind_of_its_own() -> None:
    assert len(KINDS) == len(get_args(Payload))
    assert all(kind == kind.lower() and " " not in kind for kind in KINDS)


@pytest.mark.parametrize(
    "body",
    [
        b'{"kind":"soak_started_again","phase":"p","attempt":1}',
        b'{"phase":"p","attempt":1}',
        b'{"kind":"soak_started","phase":"p","attempt":"one"}',
        b'{"kind":"soak_started","phase":"p"}',
        b"not json",
    ],
)
def test_what_is_not_a_known_payload_stops_the_reader(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_payload(body)


def test_a_field_of_a_later_version_is_no_obstacle() -> None:
    body = b'{"kind":"soak_started","phase":"p","attempt":1,"since":"later"}'
    assert decode_payload(body) == SoakStarted(phase="p", attempt=1)


@given(payloads)
def test_a_payload_cannot_be_changed(payload: Any) -> None:
    with pytest.raises(AttributeError):
        setattr(payload, payload.__struct_fields__[0], "other")


@pytest.mark.parametrize("kind", get_args(Payload))
def test_payloads_are_built_by_name_only(kind: type[Any]) -> None:
    with pytest.raises(TypeError):
        kind(*["x"] * len(kind.__struct_fields__))


@given(payloads, instants)
def test_a_committed_event_is_stored_whole(payload: Any, at: Any) -> None:
    event = Event(
        rollout="r", seq=1, at=at, actor="lead", payload=payload, prev="0" * 64, hash="1" * 64
    )
    assert msgspec.json.decode(msgspec.json.encode(event), type=Event) == event


def test_the_version_is_the_one_stored_logs_were_written_with() -> None:
    assert VERSION == 1
