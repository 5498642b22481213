"""The version of the package; looking it up in what pip has installed would take as long as all other imports here."""

VERSION = "0.1.0"
