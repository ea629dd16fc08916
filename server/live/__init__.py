"""Streams over HTTP: server-sent events, WebSocket, playbacks and changed tiles."""
