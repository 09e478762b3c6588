"""Security headers that several places must write with the same bytes."""

from __future__ import annotations

CONTENT_TYPE_OPTIONS = "nosniff"
REFERRER_POLICY = "same-origin"


def content_security_policy(form_action: str = "'self'") -> str:
    """The policy of our HTML pages. Browsers apply `form_action` to the redirect that answers a form, too."""
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        f"form-action {form_action}; frame-ancestors 'none'; base-uri 'none'"
    )
