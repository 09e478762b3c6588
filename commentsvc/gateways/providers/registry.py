"""The providers there are, in the order they are offered; only those that the settings name are used."""

from __future__ import annotations

from collections.abc import Mapping

from commentsvc.gateways.providers.apple import Apple
from commentsvc.gateways.providers.base import Provider
from commentsvc.gateways.providers.discord import Discord
from commentsvc.gateways.providers.facebook import Facebook
from commentsvc.gateways.providers.github import GitHub
from commentsvc.gateways.providers.google import Google
from commentsvc.gateways.providers.mastodon import Clients, Mastodon
from commentsvc.gateways.providers.microsoft import Microsoft
from commentsvc.gateways.providers.oauth import OAuthProvider
from commentsvc.gateways.providers.openid import OpenId
from commentsvc.gateways.providers.twitter import Twitter
from commentsvc.gateways.providers.wordpress import WordPress

BEFORE: tuple[type[OAuthProvider], ...] = (Twitter, Facebook, WordPress, Google, Apple, GitHub, Microsoft, Discord)


def configured(settings: Mapping[str, Mapping[str, str]], clients: Clients) -> dict[str, Provider]:
    """The providers that the settings name, by name; `settings` is by provider, then by setting."""
    found: dict[str, Provider] = {kind.name: kind(settings[kind.name]) for kind in BEFORE if kind.name in settings}
    if Mastodon.name in settings:
        found[Mastodon.name] = Mastodon(settings[Mastodon.name], clients)
    if OpenId.name in settings:
        found[OpenId.name] = OpenId(settings[OpenId.name])
    return found
