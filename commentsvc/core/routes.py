"""Every path of the service: patterns for the blueprints, and functions that build the links of mails and pages.

No other Python file writes a path. A pattern is in Flask's syntax; `fill` makes a path of it.
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlencode

from commentsvc.core import page_keys

HOME = "/"

# Files and reads that a page cache may keep.
API_OF_ANY_VERSION = "/api/"
API = "/api/v1"
EMBED = "/embed/v1"
WIDGET_SCRIPT = "/embed.js"
WIDGET_FILES = "/embed/"
WIDGET_FILE = "/embed/<name>"
AVATARS = "/avatars/"
AVATAR = "/avatars/<name>.webp"
FEEDS = "/feeds/"
FEED = "/feeds/<site_key>.atom"
HOSTED_PAGES = "/t/"
HOSTED_PAGE = "/t/<site_key>"
HOSTED_PAGE_VOTE = "/t/<site_key>/vote"
HOSTED_PAGE_FLAG = "/t/<site_key>/flag"
HOSTED_PAGE_FOLLOW = "/t/<site_key>/follow"

# The widget's HTML.
EMBED_COMMENTS = "/embed/v1/comments"
EMBED_COMMENT = "/embed/v1/comment"
EMBED_TEXTS = "/embed/v1/texts"
EMBED_MAY_WRITE = "/embed/v1/may-write"

# The JSON API.
API_COMMENTS = "/api/v1/comments"
API_COMMENT = "/api/v1/comments/<int:comment_id>"
API_COMMENT_APPEAL = "/api/v1/comments/<int:comment_id>/appeal"
API_COMMENT_VOTE = "/api/v1/comments/<int:comment_id>/vote"
API_COMMENT_FLAG = "/api/v1/comments/<int:comment_id>/flag"
API_COUNTS = "/api/v1/counts"
API_RECENT = "/api/v1/recent"
API_VIEWER = "/api/v1/viewer"
API_PREVIEW = "/api/v1/preview"
API_SUBSCRIPTIONS = "/api/v1/subscriptions"
API_SANCTION_ACKNOWLEDGE = "/api/v1/sanctions/acknowledge"
API_DOCS = "/api/v1/docs"
API_OPENAPI = "/api/v1/openapi.json"
API_MODERATION = "/api/v1/moderation"
API_QUEUE = "/api/v1/moderation/comments"
API_VERDICT = "/api/v1/moderation/comments/<int:comment_id>/judgement"
API_DECISIONS = "/api/v1/moderation/decisions"
API_UNDO = "/api/v1/moderation/undo"
API_THREADS = "/api/v1/moderation/threads"
API_RULES = "/api/v1/moderation/rules"
API_RULE = "/api/v1/moderation/rules/<int:rule_id>"
API_RULES_TEST = "/api/v1/moderation/rules/test"
API_RULES_BACKTEST = "/api/v1/moderation/rules/backtest"
API_SANCTIONS = "/api/v1/moderation/sanctions"
API_SANCTION = "/api/v1/moderation/sanctions/<int:sanction_id>"

# Signing in.
AUTH = "/auth/"
AUTHORIZE = "/auth/authorize"
TOKEN = "/auth/token"  # a path
REVOKE = "/auth/revoke"
SIGN_IN = "/auth/signin"
SIGN_IN_CODE = "/auth/code"
SIGN_IN_LINK = "/auth/link/<token>"
SIGN_OUT = "/auth/signout"
INVITATION = "/auth/join/<token>"
SECOND_FACTOR = "/auth/second"
SECOND_FACTOR_PASSKEY = "/auth/second/passkey"
SIGN_IN_AGAIN = "/auth/again"
PROVIDER_LOGIN = "/auth/<provider>/login"
PROVIDER_CALLBACK = "/auth/<provider>/callback"
PROVIDER_FINISH = "/auth/<provider>/finish"
PROVIDER_INSTEAD = "/auth/<provider>/instead"
PROVIDER_CONFIRM = "/auth/<provider>/confirm"
FACEBOOK_DEAUTHORIZE = "/auth/facebook/deauthorize"
FACEBOOK_DATA_DELETION = "/auth/facebook/data-deletion"
FACEBOOK_DELETION = "/auth/facebook/deletion/<code>"

# A person's own account.
ACCOUNT = "/account"
ACCOUNT_COPY = "/account/copy.json"
ACCOUNT_APPEAL = "/account/appeal"
ACCOUNT_LANGUAGE = "/account/language"
ACCOUNT_UNLINK = "/account/unlink"
ACCOUNT_END = "/account/end"
ACCOUNT_ERASE = "/account/erase"
ACCOUNT_LINK = "/account/link"
ACCOUNT_LINK_ADD = "/account/link/add"
SECURITY = "/account/security"
SECURITY_APP = "/account/security/app"
SECURITY_PASSKEY = "/account/security/passkey"
SECURITY_REMOVE = "/account/security/remove"
SECURITY_RECOVERY = "/account/security/recovery"

# What is stored about a guest, shown to the holder of the address.
PRIVACY = "/privacy"
PRIVACY_CODE = "/privacy/code"
PRIVACY_DATA = "/privacy/data"
PRIVACY_COPY = "/privacy/copy.json"
PRIVACY_ERASE = "/privacy/erase"

# The moderators' dashboard.
DASHBOARD = "/dashboard"
QUEUE = "/dashboard/<site_key>"
QUEUE_COUNTS = "/dashboard/<site_key>/counts"
QUEUE_MATCHING = "/dashboard/<site_key>/matching"
QUEUE_APPEALS = "/dashboard/<site_key>/appeals"
DECIDE = "/dashboard/<site_key>/decide"
DECIDE_ALL = "/dashboard/<site_key>/decide-all"
UNDO = "/dashboard/<site_key>/undo"
COMMENT = "/dashboard/<site_key>/comment/<int:comment_id>"
COMMENT_CARD = "/dashboard/<site_key>/card/<int:comment_id>"
COMMENT_EDIT = "/dashboard/<site_key>/comment/<int:comment_id>/edit"
COMMENT_UPHOLD = "/dashboard/<site_key>/comment/<int:comment_id>/uphold"
VERDICT = "/dashboard/<site_key>/judgement/<int:comment_id>"
AUTHOR = "/dashboard/<site_key>/people/<int:author_id>"
AUTHOR_SANCTION = "/dashboard/<site_key>/people/<int:author_id>/sanction"
AUTHOR_LIFT = "/dashboard/<site_key>/people/<int:author_id>/lift"
AUTHOR_NOTE = "/dashboard/<site_key>/people/<int:author_id>/note"
AUTHOR_EXPORT = "/dashboard/<site_key>/people/<int:author_id>/data"
AUTHOR_ERASE = "/dashboard/<site_key>/people/<int:author_id>/erase"
RULES = "/dashboard/<site_key>/rules"
RULE = "/dashboard/<site_key>/rules/<int:rule_id>"
RULE_SWITCH = "/dashboard/<site_key>/rules/<int:rule_id>/switch"
RULE_REMOVE = "/dashboard/<site_key>/rules/<int:rule_id>/remove"
RULES_UNDO = "/dashboard/<site_key>/rules/undo"
CHECKS = "/dashboard/<site_key>/checks"
THREAD_MODE = "/dashboard/<site_key>/thread-mode"
END_FLOOD = "/dashboard/<site_key>/end-flood"
SETTINGS = "/dashboard/<site_key>/settings"
NOTES = "/dashboard/<site_key>/notes"
CHANGES = "/dashboard/<site_key>/changes"
CHANGES_UNDO = "/dashboard/<site_key>/changes/undo"
TOKENS = "/dashboard/<site_key>/tokens"
TOKENS_REVOKE = "/dashboard/<site_key>/tokens/revoke"
MEMBERS = "/dashboard/<site_key>/members"
THREADS = "/dashboard/<site_key>/threads"
IMPORTS = "/dashboard/<site_key>/imports"
IMPORT_RUN = "/dashboard/<site_key>/imports/<int:run_id>"
JOBS = "/dashboard/_jobs"  # no site has such a key
NOTIFICATIONS = "/dashboard/<site_key>/mails"
SPAM = "/dashboard/<site_key>/spam"
SPAM_TRY = "/dashboard/<site_key>/spam/try"
SPAM_LEARN = "/dashboard/<site_key>/spam/learn"
LOG = "/dashboard/<site_key>/log"
INSIGHTS = "/dashboard/<site_key>/insights"
INSIGHTS_JSON = "/dashboard/<site_key>/insights.json"
INSIGHTS_CSV = "/dashboard/<site_key>/insights.csv"
TRANSPARENCY = "/transparency/<site_key>"

# Links in mails.
MAIL_ACT = "/m/<token>"
MAIL_UNDO = "/m/<token>/undo"
MAIL_STOP = "/m/stop/<token>"
MAIL_CONFIRM_SUBSCRIPTION = "/m/confirm/<token>"
MAIL_CONFIRM_COMMENT = "/m/comment/<token>"

# For the operator.
HEALTH = "/healthz"
READY = "/readyz"
SEEN = "/healthz/seen"  # how a request of `commentsvc doctor` arrived
METRICS = "/metrics"
SECURITY_TXT = "/.well-known/security.txt"

_PLACE = re.compile(r"<(?:int:)?(\w+)>")


def fill(pattern: str, /, **values: object) -> str:
    """The path of a pattern with its places filled; values that the pattern does not name become the query.

    Raises KeyError when a place has no value.
    """
    named = set(_PLACE.findall(pattern))
    path = _PLACE.sub(lambda place: quote(str(values[place[1]]), safe=""), pattern)
    query = {name: value for name, value in values.items() if name not in named}
    return f"{path}?{urlencode(query)}" if query else path


def hosted_page(site_key: str, thread_key: str, **query: object) -> str:
    """The page of a thread that the service itself hosts; it has none without a thread."""
    return fill(HOSTED_PAGE, site_key=site_key, thread=thread_key, **query)


def thread_page(base_url: str, site_key: str, thread_key: str, url: str | None) -> str:
    """The address of the page that shows a thread: the blog's `url` if it is known, else the hosted page."""
    return page_keys.without_anchor(url) if url else base_url + hosted_page(site_key, thread_key)


def comment_anchor(page: str, comment_id: int) -> str:
    """The place of a comment on a page that shows it.

    Behind the route of a single-page application (`#/post`), its router and the widget find it as a second fragment.
    """
    return f"{page_keys.without_anchor(page)}#comment-{comment_id}"


def problem(slug: str) -> str:
    """The place in the API's documentation that explains an error."""
    return f"{API_DOCS}#problem-{slug}"
