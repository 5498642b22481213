"""Async Python SDK for the webhooks of GWMS, the gateway of Skladon's fulfilment warehouses."""
