"""The group of commands."""

import click

from .lazy import LazyGroup

_EPILOG = """Credentials come from GWMS_USERNAME, GWMS_PASSWORD, GWMS_API_KEY and GWMS_BASE_URL, or from options.

\b
Exit codes:
  0    done
  1    failed
  2    used wrongly, or a mistake in a file of webhooks
  3    partly failed: run it again
  4    credentials refused
  130  interrupted
"""


@click.group(
    cls=LazyGroup,
    epilog=_EPILOG,
    lazy={
        "apply": ("plan", "Make the gateway hold the webhooks of a file."),
        "demo": ("demo", "Register webhooks on an emulated gateway that fails in every way it can."),
        "emulator": ("emulator", "Serve an emulated gateway until Ctrl-C."),
        "login": ("login", "Log in anew, and tell until when that is good."),
        "logout": ("login", "Delete the account's token from this user's cache."),
        "plan": ("plan", "Show what `apply` would change; nothing is changed."),
        "webhooks": ("webhooks", "Look at webhooks and change them one by one."),
    },
)
@click.version_option(package_name="gwms-async")
def gwms() -> None:
    """Webhooks of GWMS, the gateway of Skladon's fulfilment warehouses."""
