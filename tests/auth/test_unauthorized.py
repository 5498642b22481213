"""What a 401 means: the rows of the module's table."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from gwms_async.auth.cooldown import Cooldown
from gwms_async.auth.known_keys import ApiKey, Operation
from gwms_async.auth.unauthorized import Meaning, meaning_of_401
from gwms_async.errors import GwmsError
from gwms_async.tokens import ActiveToken, Token

DENIED, KEY_REJECTED, TOKEN_REJECTED = Meaning.DENIED, Meaning.KEY_REJECTED, Meaning.TOKEN_REJECTED
GET: Operation = ("GET", "/webhooks/{id}")
NOW = 1000.0
TOKEN = ActiveToken.begin(Token("t"), NOW - 60, None, relogins=3)
BEFORE = ActiveToken.begin(Token("before"), 0.0, None, relogins=1)
LATER = ActiveToken.begin(Token("later"), 0.0, None, relogins=2)
REJECTED = Cooldown(error=GwmsError("rejected"))


def meaning(
    key: ApiKey, token: ActiveToken, *, replays: int = 0, is_current: bool = True, age: float = 60.0
) -> Meaning:
    """Return what a 401 means for a token that was obtained some seconds ago."""
    token.obtained_at = NOW - age
    return meaning_of_401(GET, token, key, NOW, replays=replays, is_current=is_current)


def key(**known: Any) -> ApiKey:
    """Return a key of which something is known."""
    return ApiKey("key", **known)


@pytest.mark.parametrize(("age", "expected"), [(60, DENIED), (61, TOKEN_REJECTED)])
def test_an_operation_that_was_denied(age: float, expected: Meaning) -> None:
    """It stays so while the login vouches for the token; others are not concerned."""
    token = evolve(TOKEN)

    assert meaning(key(denied={GET: token}), token, age=age) is expected
    assert meaning(key(denied={("PUT", GET[1]): token}), token, age=age) is TOKEN_REJECTED
    assert meaning(key(denied={GET: BEFORE}), token, age=age) is TOKEN_REJECTED


@pytest.mark.parametrize(
    ("last_acceptance", "is_current", "expected"),
    [(5, True, KEY_REJECTED), (4, True, TOKEN_REJECTED), (5, False, TOKEN_REJECTED)],
)
def test_a_key_that_was_rejected_before(last_acceptance: int, expected: Meaning, *, is_current: bool) -> None:
    """It is rejected again if the token was accepted since, however old that is."""
    known = key(cooldown=REJECTED, rejected_after=4)

    assert meaning(known, evolve(TOKEN, last_acceptance=last_acceptance), is_current=is_current, age=61) is expected


@pytest.mark.parametrize("evidence", [{"last_acceptance": 1}, {"after_401": True}])
def test_a_key_that_was_never_accepted(evidence: dict[str, Any]) -> None:
    """It is rejected if there is reason to think that the token is good."""
    token = evolve(TOKEN, **evidence)

    assert meaning(key(), token) is KEY_REJECTED
    assert meaning(key(), token, age=61) is TOKEN_REJECTED
    assert meaning(key(), token, age=61, replays=1) is KEY_REJECTED
    assert meaning(key(), token, is_current=False) is TOKEN_REJECTED
    assert meaning(key(), evolve(TOKEN)) is TOKEN_REJECTED


@pytest.mark.parametrize(
    ("known", "evidence", "expected"),
    [
        ({"accepted": BEFORE, "suspect": LATER}, {"after_401": True}, KEY_REJECTED),
        ({"accepted": BEFORE}, {"after_401": True, "last_acceptance": 1}, KEY_REJECTED),
        ({"accepted": BEFORE}, {"after_401": True}, TOKEN_REJECTED),
        ({"accepted": BEFORE, "suspect": LATER}, {}, TOKEN_REJECTED),
        ({"accepted": LATER, "suspect": LATER}, {"after_401": True}, TOKEN_REJECTED),
    ],
)
def test_a_key_that_was_accepted_before(known: dict[str, Any], evidence: dict[str, Any], expected: Meaning) -> None:
    """It is rejected after two logins, unless they were due to another key and nobody has used the last one since."""
    token = evolve(TOKEN, **evidence)

    assert meaning(key(**known), token) is expected
    assert meaning(key(**known), token, age=61) is TOKEN_REJECTED


def test_a_call_that_was_replayed() -> None:
    """It ends with its second 401, or the third if its key was accepted before."""
    assert meaning(key(), evolve(TOKEN), replays=1) is DENIED
    assert meaning(key(accepted=LATER), evolve(TOKEN), replays=1) is TOKEN_REJECTED
    assert meaning(key(accepted=LATER), evolve(TOKEN), replays=2) is DENIED
