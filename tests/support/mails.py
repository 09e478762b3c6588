"""The mails that the worker sends, kept instead of sent."""

from datetime import datetime

from commentsvc import worker
from commentsvc.gateways.mail import OutgoingMail
from commentsvc.services.mail_links import MailLinks


class Outbox:
    def __init__(self) -> None:
        self.letters: list[OutgoingMail] = []

    def send(self, letter: OutgoingMail) -> None:
        self.letters.append(letter)


def deliver(at: datetime, links: MailLinks) -> list[OutgoingMail]:
    """Run the jobs that are due until none is; gives the mails that they sent."""
    outbox = Outbox()
    while worker.run_due(outbox, at, links=links):
        pass
    return outbox.letters
