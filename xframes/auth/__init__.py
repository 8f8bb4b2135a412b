"""Credentials: where they are found, which of them an action accepts, and how they stay hidden."""

from xframes.auth.credentials import KINDS, Credentials
from xframes.auth.oauth1 import OAuth1
from xframes.auth.oauth2 import OAuth2
from xframes.auth.secrets import Secret, redact, redact_all

__all__ = ["KINDS", "Credentials", "OAuth1", "OAuth2", "Secret", "redact", "redact_all"]
