"""Phased production data rollouts with go/no-go gates, evidence and a way back."""

__version__ = "0.1.0"
