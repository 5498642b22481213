"""The middlewares of a call, and their order.

Outermost first::

    (telemetry) -> relogin -> backoff -> pace -> authorize -> (telemetry) -> (the user's own) -> transport

- *Re-login outside backoff*: a failed login is never multiplied by the request's own retries.
- *Pace inside backoff*: a wait between attempts occupies no slot.
- *Authorize inside pace*: each attempt carries the token that is current once it has a slot. If only its own API key
  has to wait for a login, it gives up the slot and starts over, so that calls with other keys go on.
- *The user's own innermost*: they run once per attempt and see what goes out.
- *Telemetry twice, if at all*: around the whole call, and around each attempt with the user's own.

The login call runs through ``backoff -> transport`` only, and telemetry: it needs no token, and must not wait for the
calls that wait for it.
"""

from .authorize import Authorize
from .backoff import Backoff, RetryBudget
from .pace import Pace
from .relogin import Relogin

__all__ = ["Authorize", "Backoff", "Pace", "Relogin", "RetryBudget"]
