"""Display names of the providers, for pages that only name them."""

from __future__ import annotations

from collections.abc import Mapping

LABELS = {
    "twitter": "X (Twitter)",
    "facebook": "Facebook",
    "wordpress": "WordPress.com",
    "google": "Google",
    "apple": "Apple",
    "github": "GitHub",
    "microsoft": "Microsoft",
    "discord": "Discord",
    "mastodon": "Mastodon",
    "oidc": "OpenID Connect",
}


def label_of(name: str, settings: Mapping[str, str]) -> str:
    """The provider's own, or what the operator calls it."""
    return settings.get("name") or LABELS[name]
