"""What is known of API keys: one object each, and none that is not needed."""

from __future__ import annotations

import asyncio
import gc
from weakref import ref

from gwms_async import AuthenticationError
from gwms_async.auth.known_keys import ApiKey, KnownKeys
from gwms_async.clock import Clock

from ..helpers import virtual_loop


class Eshop:
    """Anything that is kept per key."""

    def __init__(self) -> None:
        self.forgot = 0

    def forget(self) -> None:
        """Count it."""
        self.forgot += 1


def make_keys() -> KnownKeys[Eshop]:
    """Make an empty table that goes by the loop's time."""
    return KnownKeys(Clock(asyncio.get_running_loop().time))


def test_a_key_does_not_show_itself() -> None:
    """It is a secret."""
    assert "s3cret" not in repr(ApiKey("s3cret"))
    assert ApiKey("a") != ApiKey("a")


def test_an_object_is_found_while_somebody_holds_it() -> None:
    """And no longer, where it was never used."""

    async def main() -> None:
        keys, eshop = make_keys(), Eshop()

        assert keys.find("a") is None
        assert keys.add("a", eshop) is eshop
        assert keys.find("a") is eshop
        assert keys.objects() == [eshop]

        del eshop
        assert keys.find("a") is None
        assert keys.objects() == []

    virtual_loop.run(main())


def test_what_was_used_is_kept_for_a_minute() -> None:
    """From its last use."""

    async def main() -> None:
        keys = make_keys()
        key, eshop = ApiKey("a"), keys.add("a", Eshop())
        keys.use(key)
        del eshop
        await asyncio.sleep(50)
        keys.use(key)
        await asyncio.sleep(59)
        assert keys.find("a") is not None
        await asyncio.sleep(1.1)
        assert keys.find("a") is None

    virtual_loop.run(main())


def test_one_key_in_use_keeps_no_other() -> None:
    """Each is kept for a minute from its own last use."""

    async def main() -> None:
        keys = make_keys()
        busy = ApiKey("a")
        for key in (busy, ApiKey("b")):
            eshop = keys.add(key.value, Eshop())
            keys.use(key)
        del eshop
        await asyncio.sleep(50)
        keys.use(busy)
        await asyncio.sleep(11)
        assert keys.find("a") is not None
        assert keys.find("b") is None

    virtual_loop.run(main())


def test_what_somebody_holds_forgets_by_itself() -> None:
    """A client that is idle keeps its e-shop, and nothing that e-shop wrote a minute ago."""

    async def main() -> None:
        keys = make_keys()
        eshop = keys.add("a", Eshop())
        keys.use(ApiKey("a"))
        await asyncio.sleep(59)
        assert eshop.forgot == 0
        await asyncio.sleep(1.1)
        assert eshop.forgot == 1
        assert keys.find("a") is eshop

    virtual_loop.run(main())


def test_ten_thousand_keys_used_once() -> None:
    """A minute later none of them is left, though nothing else happens."""

    async def main() -> None:
        keys = make_keys()
        for number in range(10_000):
            eshop = keys.add(f"key-{number}", Eshop())
            keys.use(ApiKey(f"key-{number}"))
            del eshop
            await asyncio.sleep(0.001)
        assert len(keys.objects()) == 10_000
        await asyncio.sleep(60)
        assert len(keys.objects()) == 0

    virtual_loop.run(main())


def test_a_cooldown_outlasts_the_minute() -> None:
    """A rejected key is not forgotten, and thus not free, before its pause is over."""

    async def main() -> None:
        keys, loop = make_keys(), asyncio.get_running_loop()
        key, eshop = ApiKey("a"), keys.add("a", Eshop())
        other, held = ApiKey("b"), keys.add("b", Eshop())
        keys.use(key)
        keys.use(other)
        for _ in range(2):
            key.cooldown.begin(loop.time(), AuthenticationError(status=401, message="no", method="GET", path="/"))
        del eshop, held
        await asyncio.sleep(119)
        assert keys.find("a") is not None
        assert keys.find("b") is None
        await asyncio.sleep(62)
        assert keys.find("a") is None

    virtual_loop.run(main())


def test_use_after_the_object_is_gone() -> None:
    """A call may outlive all that holds the object: nothing comes of it."""

    async def main() -> None:
        keys = make_keys()
        keys.use(ApiKey("a"))
        assert keys.find("a") is None
        await asyncio.sleep(61)
        keys.close()

    virtual_loop.run(main())


def test_closing() -> None:
    """No timer is left; used or not."""

    async def main() -> None:
        keys = make_keys()
        keys.close()
        keys.use(ApiKey("a"))
        timer = keys._timer
        keys.close()
        assert timer is not None
        assert timer.cancelled()

    virtual_loop.run(main())


def test_the_timer_holds_no_client_alive() -> None:
    """A table that nobody holds is gone at once, and its timer comes to nothing."""

    async def main() -> None:
        keys = make_keys()
        keys.use(ApiKey("a"))
        gone = ref(keys)
        del keys
        gc.collect()
        assert gone() is None
        await asyncio.sleep(61)

    virtual_loop.run(main())
