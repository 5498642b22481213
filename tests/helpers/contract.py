"""The contract: where it is, and what it calls its operations."""

from __future__ import annotations

from pathlib import Path

PATH = Path(__file__).parent.parent / "contract" / "gwms-v21-webhooks.openapi.json"
"""The vendor's contract, with the parameters added that three of its paths lack."""

LIST, CREATE, DELETE = "v21_getWebhooks", "v21_postWebhooks", "v21_deleteWebhook"
OF_ONE = ("v21_getWebhook", "v21_putWebhook", "v21_putWebhookDeactivate", "v21_putWebhookActivate")
OPERATIONS = (LIST, CREATE, *OF_ONE, DELETE)
