from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.adapters.redaction import MASK, Redactor

CANARY = "secret-token:c4n+ry/\"<&'>=äZ9"


@pytest.mark.parametrize(
    "spelt",
    [
        CANARY,
        quote(CANARY, safe=""),
        quote(CANARY, safe="").lower(),
        quote_plus(CANARY),
        quote(quote(CANARY, safe=""), safe=""),
        json.dumps(CANARY)[1:-1],
        json.dumps(CANARY, ensure_ascii=False)[1:-1].replace("/", "\\/"),
        json.dumps(json.dumps(CANARY))[3:-3],
        html.escape(CANARY),
        html.escape(CANARY, quote=False),
        base64.b64encode(CANARY.encode()).decode(),
        base64.urlsafe_b64encode(CANARY.encode()).decode().rstrip("="),
        repr(CANARY.encode())[2:-1],
    ],
)
def test_every_spelling_of_a_secret_is_masked(spelt: str) -> None:
    masked = Redactor([CANARY])(f"before {spelt} after")
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert MASK in masked
    assert "c4n" not in masked
    assert spelt not in masked


@pytest.mark.parametrize("user", ["", "b", "be", "bearer:", "ops@example.test:"])
def test_a_secret_inside_a_basic_credential_is_masked_at_any_alignment(user: str) -> None:
    token = "secret-token:AbCdEfGhIjKlMnOpQrStUvWx"
    encoded = base64.b64encode(f"{user}{token}".encode()).decode()
    masked = Redactor([token])(f"echo={encoded}")
    for start in range(len(token) - 9):
        for offset in range(3):
            piece = base64.b64encode(b"\0" * offset + token[start : start + 9].encode())
            assert piece.decode()[4:-4] not in masked


def test_a_bearer_header_is_masked_even_when_its_token_is_not_known() -> None:
    masked = Redactor()("headers {'authorization': 'Bearer 00Dxx!AQ.zzz', 'x': 1}")
    assert "00Dxx" not in masked
    assert "'x': 1" in masked


def test_the_user_part_of_a_url_is_masked() -> None:
    assert Redactor()("GET https://bearer:abc@host.test/x") == f"GET https://{MASK}@host.test/x"


def test_a_text_that_ends_within_a_secret_loses_the_beginning_too() -> None:
    masked = Redactor(["secret-token:AbCdEfGhIjKl"])('{"echo": "secret-token:AbCdEf')
    assert masked == '{"echo": "' + MASK


def test_a_line_is_masked_before_it_is_cut_and_loses_control_characters() -> None:
    redactor = Redactor(["0123456789abcdef"])
    line = redactor.line("x" * 295 + "0123456789abcdef\x1b[31mred\r\nnext\u202e", limit=300)
    assert "0123" not in line
    assert len(line) == 300
    assert redactor.line("a\x1b[31mred\r\nnext\u202e") == "ared next"


def test_a_secret_learnt_later_is_masked_from_then_on() -> None:
    redactor = Redactor(["first-secret"])
    assert "second-secret" in redactor("second-secret")
    redactor.add("second-secret")
    assert redactor("first-secret second-secret") == f"{MASK} {MASK}"


def test_blank_secrets_mask_nothing_and_the_repr_shows_none() -> None:
    assert Redactor(["", "  "])("plain text") == "plain text"
    assert "hunter" not in repr(Redactor(["hunter2-hunter2"]))


@given(
    st.text(min_size=8, max_size=40).filter(lambda s: s.strip() == s and not set(s) & set(MASK)),
    st.text(),
    st.text(),
)
def test_no_text_around_it_saves_a_secret(secret: str, before: str, after: str) -> None:
    before, after = before.replace(secret, ""), after.replace(secret, "")
    assert secret not in Redactor([secret])(before + secret + after)
