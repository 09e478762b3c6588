"""The cache of a process: bounded sections, and none of another database's values."""

import threading

from commentsvc.store.process_cache import Section


def test_a_value_is_kept_until_its_section_is_cleared(app):
    numbers, words = Section(3), Section(3)
    assert numbers.get(1) is None
    assert numbers.put(1, "one") == "one"
    assert numbers.get(1) == "one"
    assert words.get(1) is None, "sections share nothing"
    words.put(1, "a word")
    numbers.clear()
    assert numbers.get(1) is None
    assert words.get(1) == "a word"


def test_the_entry_unused_for_longest_goes_first(app):
    section = Section(2)
    section.put("a", 1)
    section.put("b", 2)
    section.get("a")
    section.put("c", 3)
    assert {key: section.get(key) for key in "abc"} == {"a": 1, "b": None, "c": 3}


def test_two_applications_share_no_values(app, make_app):
    section = Section(2)
    section.put("a", 1)
    with make_app().app_context():
        assert section.get("a") is None
        section.put("a", 2)
    assert section.get("a") == 1


def test_threads_that_come_at_once_get_one_object(app):
    section, met, found = Section(1), threading.Barrier(8), []

    def ask():
        with app.app_context():
            met.wait()
            found.append(section.get_or_add(None, object))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1
