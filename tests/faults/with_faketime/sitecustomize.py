"""Lets Python sleep under libfaketime 0.9.10, whose clock_nanosleep() fails when the monotonic clock is not faked."""

import select
import time


def sleep(seconds):
    select.select([], [], [], seconds)


time.sleep = sleep
