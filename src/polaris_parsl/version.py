"""The name of this distribution, its command and its module; its version: year, month, number."""

NAME = "polaris-parsl"
VERSION = "2026.11.1"
