"""The tree of errors: which class when, what they say, and that they survive pickling and copying."""

from __future__ import annotations

import inspect
import pickle

import pytest

from gwms_async import (
    ApiError,
    AttemptTimeoutError,
    AuthenticationError,
    BadRequestError,
    Cause,
    ConfigurationError,
    ConflictError,
    ConnectionFailedError,
    DeadlineExceededError,
    DecodeError,
    ForbiddenError,
    GwmsError,
    LoginError,
    NotFoundError,
    OutcomeUnknownError,
    PlanRefusedError,
    RedirectError,
    ServerError,
    ThrottledError,
    TransportError,
    WebhookSpec,
    errors,
)
from gwms_async.errors import api_error_class

SPEC = WebhookSpec("https://shop.example/h", "CREATE_ORDER")
BY_STATUS: dict[int, type[ApiError]] = {
    300: RedirectError,
    301: RedirectError,
    304: RedirectError,
    308: RedirectError,
    399: RedirectError,
    400: BadRequestError,
    401: AuthenticationError,
    402: ApiError,
    403: ForbiddenError,
    404: NotFoundError,
    405: ApiError,
    408: ApiError,
    409: ConflictError,
    410: NotFoundError,
    418: ApiError,
    422: BadRequestError,
    425: ApiError,
    429: ThrottledError,
    499: ApiError,
    500: ServerError,
    501: ServerError,
    503: ServerError,
    599: ServerError,
    600: ServerError,
    199: ServerError,
}


def answered(status: int, *, attempts: int = 1, retry_after: float | None = None) -> ApiError:
    """Make the error of an answer."""
    return api_error_class(status)(
        status=status,
        message="no",
        method="GET",
        path="/webhooks/7",
        attempts=attempts,
        retry_after=retry_after,
    )


EXAMPLES: list[GwmsError] = [
    GwmsError(),
    ConfigurationError("the client is closed"),
    TransportError("broke", cause=Cause.MISCONFIGURED),
    ConnectionFailedError("refused", cause=Cause.NEVER_SENT),
    AttemptTimeoutError("too slow", cause=Cause.UNKNOWN),
    DeadlineExceededError("too late"),
    OutcomeUnknownError("who knows", spec=SPEC),
    OutcomeUnknownError("who knows"),
    DecodeError("nonsense", paths=("expected int @ $[1].id",), excerpt="<html>"),
    DecodeError("nonsense"),
    LoginError("refused", status=401),
    PlanRefusedError("too much"),
    *(answered(status, attempts=2, retry_after=1.5) for status in BY_STATUS),
]


def all_classes() -> list[type[GwmsError]]:
    """List the classes of the module."""
    members = inspect.getmembers(errors, inspect.isclass)
    return [member for _, member in members if issubclass(member, GwmsError)]


def raised(error: GwmsError) -> GwmsError:
    """Raise an error while another one is handled, so that it has all that an error can drag along."""
    try:
        try:
            raise LookupError("inner")
        except LookupError as inner:
            raise error from inner
    except GwmsError as caught:
        return caught


def test_the_tables_of_this_file_leave_nothing_out() -> None:
    """Every class has an example here, and its place in the tree of the module's docstring."""
    assert set(all_classes()) == {type(error) for error in EXAMPLES}
    assert not [kind for kind in all_classes() if kind.__name__ not in (errors.__doc__ or "")]


@pytest.mark.parametrize(
    ("kind", "bases"),
    [
        (ConfigurationError, {GwmsError, ValueError}),
        (TransportError, {GwmsError}),
        (ConnectionFailedError, {TransportError}),
        (AttemptTimeoutError, {TransportError}),
        (DeadlineExceededError, {GwmsError, TimeoutError}),
        (OutcomeUnknownError, {GwmsError}),
        (DecodeError, {GwmsError}),
        (LoginError, {GwmsError}),
        (PlanRefusedError, {GwmsError}),
        (ApiError, {GwmsError}),
        *((kind, {ApiError}) for kind in dict.fromkeys(BY_STATUS.values()) if kind is not ApiError),
    ],
)
def test_the_tree(kind: type[GwmsError], bases: set[type[Exception]]) -> None:
    """Each error can be caught by its parents, and by those of Python's that it is one of."""
    assert bases == set(kind.__bases__)


@pytest.mark.parametrize(("status", "kind"), BY_STATUS.items())
def test_the_class_goes_by_status(status: int, kind: type[ApiError]) -> None:
    """A status has the class of its meaning, or plain `ApiError` where it has none of its own."""
    assert kind is api_error_class(status)


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_errors_can_be_pickled(error: GwmsError) -> None:
    """What comes back by any protocol is of the same class and says the same, in words and in attributes."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(raised(error), protocol))  # noqa: S301  # our own

        assert type(error) is type(again), protocol
        assert error.args == again.args, protocol
        assert vars(error) == vars(again), protocol
        assert str(error) == str(again), protocol


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_a_fresh_copy_drags_nothing_along(error: GwmsError) -> None:
    """It equals the error in class, words and attributes, and has neither traceback nor cause nor context."""
    caught = raised(error)

    copy = caught.fresh()

    assert copy is not caught
    assert type(error) is type(copy)
    assert (error.args, vars(error), str(error)) == (copy.args, vars(copy), str(copy))
    assert None not in {caught.__traceback__, caught.__cause__, caught.__context__}
    assert {None} == {copy.__traceback__, copy.__cause__, copy.__context__}


def test_a_fresh_copy_has_attributes_of_its_own() -> None:
    """What is done to the copy is not seen on the error."""
    error = answered(429)

    error.fresh().retry_after = 5.0

    assert error.retry_after is None


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (answered(404), "after 1 attempt: no (check the path and its id; is this the right e-shop's API key?)"),
        (answered(400, attempts=3), "after 3 attempts: no (fix the request; retrying it will not help)"),
        (answered(422), "after 1 attempt: no (fix the request; retrying it will not help)"),
        (answered(401), "after 1 attempt: no (check the e-shop's API key, and that no proxy drops headers)"),
        (
            answered(403),
            (
                "after 1 attempt: no "
                "(ask Skladon whether this account and e-shop may do this; `gwms login` gets a new token)"
            ),
        ),
        (answered(409), "after 1 attempt: no (check the current state before you retry)"),
        (answered(429), "after 1 attempt: no (send fewer requests at a time)"),
        (
            answered(429, retry_after=12.0),
            "after 1 attempt: no (send fewer requests at a time; the gateway asks to wait 12 s)",
        ),
        (answered(503, retry_after=7.5), "after 1 attempt: no (try again later; the gateway asks to wait 7.5 s)"),
        (answered(408, retry_after=1234567.0), "after 1 attempt: no (the gateway asks to wait 1234567 s)"),
        (answered(302), "after 1 attempt: no (check base_url)"),
        (answered(503, attempts=0), "after 0 attempts: no (try again later)"),
        (answered(501), "after 1 attempt: no (the gateway does not support this request)"),
        (answered(505), "after 1 attempt: no (check base_url and proxy=)"),
        (answered(511), "after 1 attempt: no (log in to the network first)"),
        (answered(418), "after 1 attempt: no"),
    ],
)
def test_an_answer_s_error_says_what_happened_to_which_call_and_what_to_do(error: ApiError, text: str) -> None:
    """Method, path, status, attempts, the gateway's words, and a hint where there is one to give."""
    assert f"GET /webhooks/7 failed with {error.status} {text}" == str(error)


def test_an_answer_s_error_keeps_the_evidence() -> None:
    """What the message says can be read from attributes too."""
    call = {"status": 429, "message": "no", "method": "GET", "path": "/webhooks/7"}

    hint = "send fewer requests at a time; the gateway asks to wait 7.5 s"
    assert vars(answered(429, attempts=3, retry_after=7.5)) == {
        **call,
        "attempts": 3,
        "retry_after": 7.5,
        "hint": hint,
    }
    assert vars(ThrottledError(status=429, message="no", method="GET", path="/webhooks/7")) == {
        **call,
        "attempts": 1,
        "retry_after": None,
        "hint": "send fewer requests at a time",
    }


def test_the_other_errors_keep_what_they_are_given() -> None:
    """Their message is the given one; what they know besides is an attribute."""
    call = {"reason": "refused", "path": "/webhooks", "attempts": 3}
    assert vars(TransportError("broke", cause=Cause.UNKNOWN, **call)) == {"cause": "unknown", **call}  # type: ignore[arg-type]
    assert TransportError("broke", cause=Cause.UNKNOWN).reason == "broke"
    assert vars(OutcomeUnknownError("who knows", spec=SPEC)) == {"spec": SPEC}
    assert vars(OutcomeUnknownError("who knows")) == {"spec": None}
    assert vars(DecodeError("nonsense")) == {"paths": (), "excerpt": ""}
    assert vars(LoginError("refused", status=403)) == {"status": 403}
    assert str(DecodeError("nonsense", paths=("a @ $",), excerpt="<html>")) == "nonsense"


def test_notes_are_copied() -> None:
    """A note on the copy is none on the original."""
    error = GwmsError("x")
    error.add_note("a")

    error.fresh().add_note("b")

    assert error.__notes__ == ["a"]
