"""The factory: names the rooms of the house, nothing else."""

from __future__ import annotations

from flask import Flask

from commentsvc.config import Config


def create_app(config: Config) -> Flask:
    """The whole service as a Flask app, its edge included; touches no database until it is asked something."""
    from commentsvc.gateways import limits, metrics
    from commentsvc.store import database
    from commentsvc.web import (
        account,
        addresses,
        api,
        api_docs,
        api_moderation,
        authorize,
        edge,
        error_pages,
        facebook_calls,
        federation,
        feeds,
        forwarding,
        health,
        home,
        identities,
        mail_links,
        oauth_server,
        reacting,
        reading,
        security,
        shelf,
        signin,
        thread_page,
        time_limits,
        translating,
        watching,
        wiring,
    )
    from commentsvc.web.dashboard import (
        acts,
        explanation,
        figures_page,
        log,
        mails,
        members,
        persons,
        queue,
        rules_page,
        settings,
        spam,
    )

    app = Flask(__name__, template_folder="web/templates", static_folder="web/static")
    app.extensions["limits"] = limits.limiter(config.redis_url)
    watching.init_app(app, config)
    wiring.init_app(app, config)
    forwarding.init_app(app)
    translating.init_app(app)
    database.init_app(app, config, metrics.note_slow_query, metrics.note_away)
    error_pages.init_app(app)
    public = (reading, feeds, api, reacting, api_moderation, api_docs, thread_page, home, health)
    own = (signin, authorize, federation, facebook_calls, account, identities, security, mail_links)
    desk = (queue, acts, log, mails, members, settings, figures_page, rules_page, spam, persons, explanation)
    for room in (*public, *own, *desk):
        app.register_blueprint(room.pages)
    addresses.init_app(app)
    oauth_server.init_app(app)
    federation.init_app(app, config)
    time_limits.init_app(app)
    edge.init_app(app, config)
    shelf.init_app(app, config)
    return app
