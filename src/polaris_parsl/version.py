"""The version of this distribution: year, month, and a number within the month."""

VERSION = "2026.11.0"
