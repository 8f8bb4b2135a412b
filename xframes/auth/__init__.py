"""Credentials: where they come from, which of them an action takes, and how they never show."""

from xframes.auth.credentials import KINDS, Credentials
from xframes.auth.oauth1 import OAuth1
from xframes.auth.oauth2 import OAuth2
from xframes.auth.secrets import Secret, redact, redact_all

__all__ = ["KINDS", "Credentials", "OAuth1", "OAuth2", "Secret", "redact", "redact_all"]
