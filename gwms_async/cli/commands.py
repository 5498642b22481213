"""The command ``gwms``, with the list of its subcommands."""

import click

from .._version import VERSION
from .lazy import LazyGroup
from .options import common_options

_EPILOG = """Settings come from options, --profile, GWMS_USERNAME, GWMS_PASSWORD, GWMS_API_KEY and GWMS_BASE_URL, or
GWMS_PROFILE, in this order. These options can also follow the name of a command.

\b
Exit codes:
  0    success
  1    failed
  2    usage error or invalid file
  3    partly failed; run it again
  4    credentials rejected, or not sufficient (403)
  5    plan --exit-code: the gateway differs from the file
  130  interrupted (Ctrl-C, or the terminal was closed)
  143  interrupted (SIGTERM)
"""


@click.group(
    cls=LazyGroup,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
    lazy={
        "apply": ("plan", "Create, update and (with --prune) delete webhooks to match a file."),
        "completion": ("completion", "Print the completion script of a shell."),
        "demo": ("demo", "Watch 500 webhooks get registered while the gateway misbehaves."),
        "doctor": ("doctor", "Check the settings, the gateway and the webhooks."),
        "emulator": ("emulator", "Run an emulator of the gateway, on its own or for a command."),
        "export": ("export", "Print existing webhooks as a file for `plan` and `apply`."),
        "fleet": ("fleet", "Work on the e-shops of many accounts, with several workers."),
        "listen": ("listen", "Show deliveries as they come, one line each, until Ctrl-C."),
        "login": ("login", "Log in again and show when the token expires."),
        "logout": ("login", "Delete the cached token."),
        "plan": ("plan", "Show what `apply` would change, without changing anything."),
        "secret": ("receiver", "Print a random secret for the URLs of webhooks."),
        "trigger": ("trigger", "Deliver an event to a receiver, as the gateway would."),
        "webhooks": ("webhooks", "List, create, update and delete webhooks."),
    },
)
@common_options
@click.version_option(VERSION)
def gwms() -> None:
    """Manage the webhooks of GWMS, the gateway of Skladon's fulfilment warehouses."""
