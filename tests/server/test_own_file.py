"""Keys and tokens in the home: whole, their owner's alone, and made once however many begin at once."""

from __future__ import annotations

import threading

from server.own_file import make_own, write_own


def test_of_many_that_begin_at_once_one_wins_and_nothing_is_left_beside(tmp_path):
    file = tmp_path / "secrets" / "key"
    threads = [threading.Thread(target=make_own, args=(file, b"%d" % number * 64)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    content = file.read_bytes()
    assert len(content) == 64
    assert len(set(content)) == 1
    assert [path.name for path in file.parent.iterdir()] == ["key"]
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    make_own(file, b"another")
    assert file.read_bytes() == content
    write_own(file, b"another")
    assert file.read_bytes() == b"another"
