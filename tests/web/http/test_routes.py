"""The paths of the application are those of core/routes."""

from commentsvc.core import routes


def test_every_route_of_the_application_is_one_of_the_constants(app):
    known = {value for name, value in vars(routes).items() if name.isupper()}
    assert {rule.rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"} <= known
