"""The providers there are, in the order they are offered; only those that the settings name are used."""

from __future__ import annotations

from collections.abc import Mapping

from commentsvc.gateways.providers.discord import Discord
from commentsvc.gateways.providers.facebook import Facebook
from commentsvc.gateways.providers.github import GitHub
from commentsvc.gateways.providers.google import Google
from commentsvc.gateways.providers.microsoft import Microsoft
from commentsvc.gateways.providers.oauth import OAuthProvider
from commentsvc.gateways.providers.openid import OpenId
from commentsvc.gateways.providers.person import Provider
from commentsvc.gateways.providers.twitter import Twitter
from commentsvc.gateways.providers.wordpress import WordPress

ALL: tuple[type[OAuthProvider], ...] = (Twitter, Facebook, WordPress, Google, GitHub, Microsoft, Discord, OpenId)


def configured(settings: Mapping[str, Mapping[str, str]]) -> dict[str, Provider]:
    """The providers that have a client of ours, by name; `settings` is by provider, then by setting."""
    return {kind.name: kind(settings[kind.name]) for kind in ALL if settings.get(kind.name, {}).get("client_id")}
