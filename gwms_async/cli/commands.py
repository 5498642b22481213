"""The group of commands."""

import click

from .demo import demo


@click.group()
@click.version_option(package_name="gwms-async")
def gwms() -> None:
    """Webhooks of GWMS, the gateway of Skladon's fulfilment warehouses."""


gwms.add_command(demo)
