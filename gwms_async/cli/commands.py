"""The group of commands."""

import click

from .lazy import LazyGroup

_EPILOG = """Credentials come from GWMS_USERNAME, GWMS_PASSWORD, GWMS_API_KEY and GWMS_BASE_URL, or from options.

\b
Exit codes:
  0    success
  1    failed
  2    usage error or invalid file
  3    partly failed; run it again
  4    credentials rejected
  5    plan --exit-code: not as the file says
  130  interrupted
"""


@click.group(
    cls=LazyGroup,
    epilog=_EPILOG,
    lazy={
        "apply": ("plan", "Create, update and (with --prune) delete webhooks to match a file."),
        "demo": ("demo", "Watch 500 webhooks get registered while the gateway misbehaves."),
        "emulator": ("emulator", "Run an emulator of the gateway until Ctrl-C."),
        "export": ("export", "Print existing webhooks as a file for `plan` and `apply`."),
        "login": ("login", "Log in again and show when the token expires."),
        "logout": ("login", "Delete the cached token."),
        "plan": ("plan", "Show what `apply` would change, without changing anything."),
        "webhooks": ("webhooks", "List, create, update and delete webhooks."),
    },
)
@click.version_option(package_name="gwms-async")
def gwms() -> None:
    """Manage the webhooks of GWMS, the gateway of Skladon's fulfilment warehouses."""
