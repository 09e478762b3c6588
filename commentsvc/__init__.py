"""The application factory: registers all parts of the service."""

from __future__ import annotations

from flask import Flask

from commentsvc.config import Config


def create_app(config: Config) -> Flask:
    """The whole service as a Flask app, its edge included; touches no database until it is asked something."""
    from commentsvc.gateways import metrics, rate_limits
    from commentsvc.page_cache import middleware, static_pages
    from commentsvc.store import engine
    from commentsvc.web.api import comments, moderation, openapi, reactions
    from commentsvc.web.auth import (
        accounts,
        authorize,
        facebook_callbacks,
        identities,
        invitations,
        oauth_server,
        people,
        providers,
        second_factors,
        sign_in,
    )
    from commentsvc.web.dashboard import (
        actions,
        authors,
        imports,
        insights,
        jobs,
        log,
        members,
        notifications,
        queue,
        rules,
        settings,
        spam,
        threads,
        verdict,
    )
    from commentsvc.web.http import (
        app_setup,
        cached_routes,
        errors,
        forwarding,
        health,
        i18n,
        refused_origins,
        request_log,
        time_limits,
        urls,
    )
    from commentsvc.web.public import feeds, home, hosted_page, mail_links, thread_reads

    app = Flask(__name__, template_folder="web/templates", static_folder="web/static")
    app.extensions["limits"] = rate_limits.limiter(config.redis_url)
    request_log.init_app(app, config)
    app_setup.init_app(app, config)
    forwarding.init_app(app)
    refused_origins.init_app(app)
    i18n.init_app(app)
    engine.init_app(app, config, metrics.note_slow_query, metrics.note_away)
    errors.init_app(app)
    public = (thread_reads, feeds, comments, reactions, moderation, openapi, hosted_page, home, health)
    own = (
        sign_in,
        authorize,
        providers,
        facebook_callbacks,
        accounts,
        identities,
        invitations,
        second_factors,
        people,
        mail_links,
    )
    dashboard = (
        queue,
        actions,
        log,
        notifications,
        members,
        threads,
        settings,
        insights,
        rules,
        spam,
        authors,
        verdict,
        imports,
        jobs,
    )
    for views in (*public, *own, *dashboard):
        app.register_blueprint(views.pages)
    urls.init_app(app)
    oauth_server.init_app(app)
    providers.init_app(app, config)
    time_limits.init_app(app)
    middleware.init_app(app, config, cached_routes.ROUTES)
    static_pages.init_app(app, config, cached_routes.STATIC_KINDS)
    return app
