"""``onemap replay``: plays a recording to a feed, at any speed, as if it happened now."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from layers.errors import BadInput
from server.command_options import ConfigOption, HomeOption, settings_of
from server.demo.replaying import Replaying
from server.feeds.file import feed_of
from server.feeds.post import Posted, open_client
from server.running import running_address
from server.settings import Settings
from server.wire.certificate import trust_of
from twin.connectors.protocols import read_registry
from twin.feeds.definition import FeedDefinition
from twin.feeds.recording import RecordingBatch, each_event, moment_of
from twin.feeds.secret import read_secret
from twin.feeds.times import CHINA

_out = Console(highlight=False)
_err = Console(stderr=True, highlight=False)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(replay)


def replay(
    file: Annotated[Path, typer.Argument(help="录制文件：每行一个 CloudEvent。 A recording: one CloudEvent a line.")],
    speed: Annotated[
        float, typer.Option(min=0.001, max=1_000_000, help="倍速；60 为一小时放一分钟。 60 is an hour in a minute.")
    ] = 1.0,
    feed: Annotated[
        str | None,
        typer.Option(help="送入的数据源，默认按文件中的 source。 The feed; by default that of the file's source."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(help="服务地址，默认为本机运行中的。 Where OneMap answers; by default the one running here."),
    ] = None,
    *,
    keep_times: Annotated[
        bool, typer.Option("--keep-times", help="保留原时间与编号，不移到现在。 Keep times and identities as recorded.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="接着上次中断处。 Go on where it was left.")] = False,
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """回放录制文件，时间移到现在。 Play a recording as if it happened now, through the public door, signed.

    例 for example:  ./onemap replay storm.ndjson --speed 60
    """
    settings = settings_of(home, config)
    definition = _feed(settings, file, feed)
    key = read_secret(definition.secret, settings.home, os.environ) if definition.secret else None
    replaying = Replaying(file, definition, settings.home, key, speed, keep_times)
    trust = trust_of(settings.server.tls_certificate, url)
    with open_client(url or running_address(settings.home), trust) as client, _Bar(file, definition.name) as bar:
        try:
            replaying.play(client, resume=resume, show=bar.show)
        except KeyboardInterrupt:
            bar.stop()
            _err.print(
                f"■ 已停止，加 --resume 接着放 stopped; --resume goes on: {_counts(replaying.posted)}", markup=False
            )
            raise typer.Exit(130) from None
    _out.print(f"✓ {_counts(replaying.posted)}", markup=False)
    for one in replaying.posted.refused[:10]:
        _out.print(f"✗ {one['reason']}: {one['detail']}", markup=False)
    raise typer.Exit(1 if replaying.posted.refused else 0)


def _feed(settings: Settings, file: Path, name: str | None) -> FeedDefinition:
    """Return the named feed, else the feed with the source of the recording."""
    if name is None:
        source = next((event.get("source") for event, _ in each_event(file)), None)
        feeds = read_registry(settings.feeds.folder).by_name.values()
        name = next((feed.name for feed in feeds if feed.source == source), None)
        if name is None:
            raise BadInput(f"{file.name} comes from {source!r}, which is no feed here; name one with --feed")
    definition = feed_of(settings.feeds.folder, name)
    if not definition.is_pushed or definition.format != "cloudevents":
        raise BadInput(f"'{name}' takes no CloudEvents over HTTP; name another with --feed", parameter="feed")
    return definition


def _counts(posted: Posted) -> str:
    shown = ("accepted", "duplicate", "late", "rejected")
    return ", ".join(f"{posted.counts[word]:,} {word}" for word in shown)


class _Bar:
    """A progress bar of a recording; silent on a pipe."""

    def __init__(self, file: Path, feed: str) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[moment]}  {task.fields[count]:>9,} 条"),
            TimeElapsedColumn(),
            console=_err,
            transient=True,
        )
        size = file.stat().st_size if file.exists() else None
        self._task = self._bar.add_task(f"{file.name} → {feed}", total=size, count=0, moment="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Remove the bar."""
        self._bar.stop()

    def show(self, batch: RecordingBatch, posted: Posted) -> None:
        """Show the progress after a batch."""
        moment = moment_of(batch.events[-1].get("time"))
        shown = "" if moment is None else f"{moment.astimezone(CHINA):%m-%d %H:%M:%S}"
        self._bar.update(self._task, completed=batch.end, count=posted.counts["received"], moment=shown)
