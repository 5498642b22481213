"""The meaning of a 401: the token is no longer valid, the API key is wrong, or only this request is denied.

The gateway does not say which. The first row that fits:

| what is known | meaning |
|---|---|
| this operation was denied with this token before, and the login still vouches for it | DENIED |
| the key was rejected before; since then the token was accepted with another key | KEY_REJECTED |
| the key was never accepted; the token was, or a 401 led to its login; the login vouches for it | KEY_REJECTED |
| the key was accepted before; two logins that 401s led to have not helped; the last one vouches | KEY_REJECTED |
| the call has been replayed: once, or twice if its key was accepted before | DENIED |
| anything else | TOKEN_REJECTED |

A login vouches for its token for 60 seconds, and in the third and fourth row also for the last replay of a call, which
may have waited longer. KEY_REJECTED is ruled out for a token that is being replaced, or was: the new one will show
whether the key is wrong.
"""

from __future__ import annotations

from enum import Enum, auto

from ..tokens import ActiveToken
from .known_keys import ApiKey, Operation

_VOUCHED = 60.0  # seconds for which a login vouches for its token


class Meaning(Enum):
    """The meaning of a 401 for its call."""

    DENIED = auto()
    """The 401 answers this request: neither another token nor a cooldown of the key would help."""
    KEY_REJECTED = auto()
    """The key is wrong: further calls with it would be rejected, too."""
    TOKEN_REJECTED = auto()
    """A login may help; then the request is sent again."""


def meaning_of_401(
    operation: Operation, token: ActiveToken, key: ApiKey, now: float, *, replays: int, is_current: bool
) -> Meaning:
    """Return the meaning in the first row of the module's table that fits.

    Args:
        operation: What was asked for.
        token: The token it was sent with.
        key: The key it was sent with.
        now: Monotonic seconds.
        replays: How often the call was sent again after a 401.
        is_current: Whether the token is in use and no login is about to replace it.
    """
    is_vouched_for = now - token.obtained_at <= _VOUCHED
    # A key that was accepted before is not blamed for a token that is revoked twice in a row.
    is_last_replay = replays >= (1 if key.accepted is None else 2)
    if is_vouched_for and key.denied.get(operation) is token:
        return Meaning.DENIED
    if is_current and _is_rejected_again(key, token):
        return Meaning.KEY_REJECTED
    if is_current and (is_vouched_for or is_last_replay) and _is_suspicious(key, token):
        return Meaning.KEY_REJECTED
    return Meaning.DENIED if is_last_replay else Meaning.TOKEN_REJECTED


def _is_rejected_again(key: ApiKey, token: ActiveToken) -> bool:
    """Return whether the key was rejected before, and the token was accepted with another key since."""
    return key.cooldown.error is not None and token.last_acceptance > key.rejected_after


def _is_suspicious(key: ApiKey, token: ActiveToken) -> bool:
    """Return whether the key is to blame, provided that the token is still valid."""
    was_accepted = token.last_acceptance > 0  # with any key
    if key.accepted is None:
        return was_accepted or token.after_401
    logins = token.relogins - key.accepted.relogins  # due to a 401, since the key was last accepted
    # A key that suspects no token has not caused these logins: then only an acceptance shows that the token was valid.
    return token.after_401 and logins >= 2 and (was_accepted or key.suspect is not None)
