"""The edge around the app, for any WSGI server: `wsgi:app`. Background jobs then need `commentsvc worker`."""

from commentsvc.server import application

app = application()
