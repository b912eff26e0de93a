"""The routes of the page, and what guards them.

A token is asked for once and becomes a cookie. Host, Origin and the kind of content are checked;
nothing is loaded from elsewhere, and pictures are only those of the review, encoded anew.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, cast, get_args

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imgsim.decisions.records import ManyAnswer
from imgsim.errors import DecisionsUnusable, ImgsimError, UsageError
from imgsim.escapes import escaped_rest
from imgsim.review.acting import Acting, Job
from imgsim.review.documents import can_be_aligned
from imgsim.review.image_service import ImageService, is_large
from imgsim.review.images import SIDES, Made, Part, placeholder
from imgsim.review.rules import Rule, RuleRun, read_rule
from imgsim.review.session import NotNow, NotThere, Session, said_of
from imgsim.types import Member, Picture

STATIC = Path(__file__).with_name("static")

TAB = "x-imgsim-tab"
"""The header by which a tab says which one it is; `tab` of the query for events."""

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:;"
    " connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
}
_AT_ONCE = {"small": 16, "large": 1, "crop": 1}
"""Requests for pictures of a kind that are worked on at a time."""

_MOST_BYTES = 8 << 20
_EVENT_SECONDS = 0.2
_BEAT_SECONDS = 5.0
_JOB_SECONDS = 10.0


@dataclass(slots=True)
class Guard:
    """Who may ask.

    Attributes
    ----------
    port : int
    token : str
        Opens the page once; empty when it was used.
    cookie : str
        What the browser shows from then on.
    """

    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    cookie: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def cookie_name(self) -> str:
        """Cookies are shared by all ports of a host."""
        return f"imgsim-review-{self.port}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """What the Host header may be."""
        return (f"127.0.0.1:{self.port}", f"localhost:{self.port}")

    @property
    def url(self) -> str:
        """The address to open, with the token."""
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    def use(self, token: str) -> bool:
        """Take the token; it opens the page once."""
        good = bool(self.token) and secrets.compare_digest(token.encode(), self.token.encode())
        if good:
            self.token = ""
        return good

    def renew(self) -> str:
        """Return an address for another browser."""
        self.token = secrets.token_urlsafe(32)
        return self.url

    def knows(self, cookie: str) -> bool:
        """Whether a cookie is the one that was given."""
        return secrets.compare_digest(cookie.encode(), self.cookie.encode())


class Guarded:
    """Refuses what does not come from the page, and adds headers to all that goes out."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                more = [
                    (name.encode(), value.encode())
                    for name, value in {"cache-control": "no-store", **_HEADERS}.items()
                    if name.encode() not in there
                ]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        request = Request(scope, receive)
        refused = self._refusal(request)
        app: ASGIApp = refused or self._app
        await app(scope, receive, send_with_headers)

    def _refusal(self, request: Request) -> Response | None:
        guard, headers = self._guard, request.headers
        if headers.get("host", "").lower() not in guard.hosts:
            return _said(400, "this is not the host of the page", "open the address that was shown")
        origin = headers.get("origin")
        if origin is not None and origin not in [f"http://{host}" for host in guard.hosts]:
            return _said(403, "another page may not ask here", "")
        opening = request.method == "GET" and request.url.path == "/"
        site = headers.get("sec-fetch-site", "none")
        if site not in ("same-origin", "none") and not opening:
            return _said(403, "another page may not ask here", "")
        if request.method not in ("GET", "HEAD"):
            if origin is None:
                return _said(403, "the page says where it is from", "")
            if headers.get("content-type", "").split(";")[0].strip() != "application/json":
                return _said(415, "only JSON is taken", "")
        if opening and "token" in request.query_params:
            return None
        if not guard.knows(request.cookies.get(guard.cookie_name, "")):
            say = _refused_page if opening else _said
            return say(
                403,
                "this browser has not opened the page",
                "open the address that imgsim review shows, which opens it once; the page gives"
                " another one",
            )
        return None


def make_app(session: Session, acting: Acting, images: ImageService, guard: Guard) -> ASGIApp:
    """Return the application."""
    page = _Page(session, acting, images, guard)
    app = Starlette(routes=page.routes(), exception_handlers={Exception: _internal})
    return Guarded(app, guard)


async def _internal(request: Request, error: Exception) -> Response:
    text, hint = said_of(error)
    return _said(500, text, hint)


def _said(status: int, error: str, hint: str) -> JSONResponse:
    return JSONResponse({"error": escaped_rest(error), "hint": escaped_rest(hint)}, status)


def _refused_page(status: int, error: str, hint: str) -> Response:
    """The same for a person who opens the address."""
    text = f"<h1>imgsim review</h1><p>{escape(error)}</p><p>{escape(hint)}</p>"
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>imgsim review</title>'
    return Response(f"{head}{text}</html>", status, media_type="text/html; charset=utf-8")


Handler = Callable[[Request], Awaitable[Response]]


class _Page:
    """The answers to what the page asks."""

    def __init__(
        self, session: Session, acting: Acting, images: ImageService, guard: Guard
    ) -> None:
        self._session = session
        self._acting = acting
        self._images = images
        self._guard = guard
        self._rules = RuleRun(session)
        self._limits: dict[str, CapacityLimiter] | None = None

    def routes(self) -> list[Route]:
        """All there is."""
        get = {
            "/api/state": self._state,
            "/api/groups": self._groups,
            "/api/groups/{group}": self._group,
        }
        pictures = {
            "/api/image/{file}": self._image,
            "/api/crop/{file}": self._crop,
            "/api/aligned/{group}/{file}": self._laid("aligned"),
            "/api/difference/{group}/{file}": self._laid("difference"),
        }
        post = {
            "/api/answer": self._answer,
            "/api/take-back": self._take_back,
            "/api/rules/preview": self._preview,
            "/api/rules/apply": self._apply_rule,
            "/api/plan": self._plan,
            "/api/apply": self._apply,
            "/api/undo": self._undo,
            "/api/take-over": self._take_over,
            "/api/leave": self._leave,
            "/api/link": self._link,
            "/api/end": self._end,
        }
        return [
            Route("/", self._index),
            Route("/static/{path:path}", self._static),
            Route("/api/events", self._events),
            *(Route(path, self._read(work)) for path, work in get.items()),
            *(Route(path, self._picture(work)) for path, work in pictures.items()),
            *(Route(path, self._write(work), methods=["POST"]) for path, work in post.items()),
        ]

    # Ways to answer -----------------------------------------------------------------------

    def _read(self, work: Callable[[Request], Response]) -> Handler:
        async def answer(request: Request) -> Response:
            return await run_in_threadpool(_answered, work, request)

        return answer

    def _picture(self, work: Callable[[Request], Response]) -> Handler:
        """What waits for a worker takes no thread that others need."""

        async def answer(request: Request) -> Response:
            kind = "crop" if request.url.path.startswith("/api/crop/") else "small"
            if kind != "crop" and self._asks_for_large(request):
                kind = "large"
            if self._limits is None:  # made where the server runs
                self._limits = {name: CapacityLimiter(n) for name, n in _AT_ONCE.items()}
            return await to_thread.run_sync(_answered, work, request, limiter=self._limits[kind])

        return answer

    def _asks_for_large(self, request: Request) -> bool:
        asked = [request.path_params["file"]]
        group = self._session.groups.get(request.path_params.get("group", ""))
        if group is not None:
            asked.append(self._session.file_id(group.kept.file.path))
        with suppress(NotThere):
            return any(is_large(self._session.picture(one)) for one in asked)
        return False

    def _write(self, work: Callable[[str, dict[str, Any]], dict[str, Any]]) -> Handler:
        async def answer(request: Request) -> Response:
            try:
                document = await _document(request)
            except UsageError as error:
                return _said(400, error.message, error.hint)
            except ClientDisconnect:
                return Response(status_code=400)

            def do(_: Request) -> Response:
                tab = _tab(request)
                self._session.writers.hear(tab)
                before = self._session.revision
                said = work(tab, document)
                changed = self._session.entries(before)["groups"] if before else []
                state = self._session.state(tab)
                return JSONResponse({**said, "changed": changed, "state": state})

            return await run_in_threadpool(_answered, do, request)

        return answer

    # The page itself ----------------------------------------------------------------------

    async def _index(self, request: Request) -> Response:
        token = request.query_params.get("token")
        if token is not None:
            known = self._guard.knows(request.cookies.get(self._guard.cookie_name, ""))
            if not (self._guard.use(token) or known):
                return _refused_page(
                    403,
                    "this address was used, or is of another review",
                    "go on in the browser that opened it, or start imgsim review again",
                )
            response = RedirectResponse("/", 303)
            response.set_cookie(
                self._guard.cookie_name, self._guard.cookie, httponly=True, samesite="strict"
            )
            return response
        return self._file("index.html")

    async def _static(self, request: Request) -> Response:
        return self._file(request.path_params["path"])

    def _file(self, name: str) -> Response:
        if "\0" in name:
            return _said(404, "there is no such file", "")
        target = (STATIC / name).resolve()
        kind = _KINDS.get(target.suffix)
        if kind is None or not target.is_relative_to(STATIC.resolve()) or not target.is_file():
            return _said(404, "there is no such file", "")
        return Response(target.read_bytes(), headers={"content-type": kind})

    async def _events(self, request: Request) -> Response:
        tab = request.query_params.get("tab", "")
        return StreamingResponse(self._listen(request, tab), media_type="text/event-stream")

    async def _listen(self, request: Request, tab: str) -> AsyncIterator[str]:
        """Yield the state whenever it changes."""
        session, seen, waited = self._session, (-1, False), 0.0
        loop = asyncio.get_running_loop()
        session.writers.hear(tab)
        while not session.ended.is_set():
            now = session.version, session.writers.may_write(tab)
            if now != seen:
                seen, waited = now, 0.0
                state = await run_in_threadpool(session.state, tab)
                yield f"event: state\ndata: {json.dumps(state)}\n\n"
            elif waited >= _BEAT_SECONDS:
                waited = 0.0
                yield ": still here\n\n"
            started = loop.time()
            await asyncio.sleep(_EVENT_SECONDS)
            waited += loop.time() - started
            session.writers.hear(tab)
            if await request.is_disconnected():
                return  # a tab that is read anew comes back soon
        yield "event: ended\ndata: {}\n\n"

    # What is read -------------------------------------------------------------------------

    def _state(self, request: Request) -> Response:
        tab = _tab(request)
        self._session.writers.hear(tab)
        return JSONResponse(self._session.state(tab))

    def _groups(self, request: Request) -> Response:
        since = request.query_params.get("since")
        if since is not None and not since.isdecimal():
            raise UsageError("since is the number of a revision", "")
        return JSONResponse(self._session.entries(None if since is None else int(since)))

    def _group(self, request: Request) -> Response:
        return JSONResponse(self._session.details(request.path_params["group"]))

    def _image(self, request: Request) -> Response:
        side = _side(request)
        picture = self._session.picture(request.path_params["file"])
        return self._shown(request, picture, lambda: self._images.thumbnail(picture, side), side)

    def _crop(self, request: Request) -> Response:
        picture = self._session.picture(request.path_params["file"])
        zoom = min(1.0, max(0.01, _number(request, "zoom", 1.0)))
        x, y, width, height = (_share(request, name) for name in ("x", "y", "width", "height"))
        part = Part(x, y, width, height, zoom)
        return self._shown(request, picture, lambda: self._images.crop(picture, part), SIDES[1])

    def _laid(self, kind: Any) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            side = _side(request)
            group = self._session.group(request.path_params["group"])
            member = self._member(group.current.members, request.path_params["file"])
            if member.kind == "kept" or not can_be_aligned(group, member):
                raise NotThere("it is not known how this file lies upon the kept one", "")
            kept = group.kept
            return self._shown(
                request,
                member.picture,
                lambda: self._images.laid(kind, kept, member, side),
                side,
                kept.digest,
            )

        return answer

    def _member(self, members: tuple[Member, ...], file_id: str) -> Member:
        for member in members:
            if self._session.file_id(member.picture.file.path) == file_id:
                return member
        raise NotThere("this file is not in the group", "look at the group again")

    def _shown(
        self,
        request: Request,
        picture: Picture,
        make: Callable[[], Made],
        side: int,
        with_other: str = "",
    ) -> Response:
        tag = f'"{picture.digest[:24]}{with_other[:24]}"'
        headers = {"cache-control": "private, max-age=3600", "etag": tag}
        made = make()
        if made.jpeg:
            if request.headers.get("if-none-match") == tag:
                return Response(status_code=304, headers=headers)
            return Response(made.jpeg, headers=headers, media_type="image/jpeg")
        return Response(
            placeholder(made.reason, side),
            headers={"cache-control": "no-store", "x-imgsim-placeholder": "1"},
            media_type="image/jpeg",
        )

    # What is changed ----------------------------------------------------------------------

    def _answer(self, tab: str, given: dict[str, Any]) -> dict[str, Any]:
        self._session.check_writer(tab)
        ids = _texts(given, "groups")
        answer, keep = given.get("answer"), given.get("keep")
        self._session.check_shown(ids, _revision(given))
        if answer is None:
            self._session.forget(ids)
            return {"answered": ids}
        if answer == "remove":
            file = given.get("file")
            if len(ids) != 1 or not isinstance(file, str):
                raise UsageError("one file of one group is removed at a time", "")
            return {"answered": self._session.remove_one(ids[0], file)}
        if answer not in get_args(ManyAnswer):
            answers = ", ".join((*get_args(ManyAnswer), "remove"))
            raise UsageError("there is no such answer", f"one of {answers}")
        if keep is not None and not isinstance(keep, str):
            raise UsageError("keep is the id of a file", "")
        return {"answered": self._session.answer(ids, cast(ManyAnswer, answer), keep)}

    def _take_back(self, tab: str, given: dict[str, Any]) -> dict[str, Any]:
        self._session.check_writer(tab)
        return {"taken_back": self._session.take_back()}

    def _preview(self, tab: str, given: dict[str, Any]) -> dict[str, Any]:
        return {"preview": self._rules.preview(*_rule(given))}

    def _apply_rule(self, tab: str, given: dict[str, Any]) -> dict[str, Any]:
        self._session.check_writer(tab)
        rule, answer = _rule(given)
        return self._rules.apply(rule, answer, str(given.get("basis", "")))

    def _plan(self, tab: str, given: dict[str, Any]) -> dict[str, Any]:
        self._session.check_writer(tab)
        name = given.get("path")
        if name is not None and not isinstance(name, str):
            raise UsageError("path is the name of a file", "")
        return self._job(self._acting.write_plan(name, undecided=_yes(given, "undecided")))

    def _apply(self, tab: str, given: dict[str, Any]) -> dict[str, Any]:
        self._session.check_writer(tab)
        undecided = _yes(given, "undecided")
        if given.get("dry_run") is not False:
            return self._job(self._acting.dry_run(undecided=undecided))
        whole = _yes(given, "whole_folders")
        return self._job(self._acting.apply(undecided=undecided, whole_folders=whole))

    def _undo(self, tab: str, given: dict[str, Any]) -> dict[str, Any]:
        self._session.check_writer(tab)
        return self._job(self._acting.undo(str(given.get("run", ""))))

    def _job(self, job: Job) -> dict[str, Any]:
        """Wait for what does not take long; the state tells of the rest."""
        job.done.wait(_JOB_SECONDS)
        if job.error is not None:
            raise NotNow(job.error["error"], job.error["hint"])
        return {"running": job.running, **(job.result or {})}

    def _take_over(self, tab: str, given: dict[str, Any]) -> dict[str, Any]:
        self._session.writers.take_over(tab)
        self._session.touch()
        return {}

    def _leave(self, tab: str, given: dict[str, Any]) -> dict[str, Any]:
        self._session.writers.leave(tab)
        return {}

    def _link(self, tab: str, given: dict[str, Any]) -> dict[str, Any]:
        return {"url": self._guard.renew()}

    def _end(self, tab: str, given: dict[str, Any]) -> dict[str, Any]:
        self._session.check_writer(tab)
        self._acting.check_idle()
        self._session.end()
        return {}


def _answered(work: Callable[[Request], Response], request: Request) -> Response:
    """Do what was asked, and say what was wrong about it."""
    try:
        return work(request)
    except NotThere as error:
        return _said(404, error.message, error.hint)
    except NotNow as error:
        return _said(409, error.message, error.hint)
    except UsageError as error:
        return _said(400, error.message, error.hint)
    except DecisionsUnusable as error:
        return _said(503, error.message, error.hint)
    except ImgsimError as error:
        return _said(500, error.message, error.hint)


async def _document(request: Request) -> dict[str, Any]:
    data = b""
    async for piece in request.stream():
        data += piece
        if len(data) > _MOST_BYTES:
            raise UsageError("too much is asked for at once", "")
    try:
        document = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        raise UsageError("what was asked for is no JSON", "") from None
    if not isinstance(document, dict):
        raise UsageError("what was asked for is no JSON object", "")
    return document


def _tab(request: Request) -> str:
    return request.headers.get(TAB, "")[:64]


def _texts(given: Mapping[str, Any], key: str) -> list[str]:
    value = given.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise UsageError(f"{key} is a list of ids", "")
    return list(dict.fromkeys(value))


def _revision(given: Mapping[str, Any]) -> int:
    value = given.get("revision")
    if not isinstance(value, int) or isinstance(value, bool):
        raise UsageError("revision is the number of what was shown", "")
    return value


def _yes(given: Mapping[str, Any], key: str) -> bool:
    value = given.get(key, False)
    if not isinstance(value, bool):
        raise UsageError(f"{key} is true or false", "")
    return value


def _rule(given: Mapping[str, Any]) -> tuple[Rule, ManyAnswer]:
    answer = given.get("answer", "keep")
    if answer not in get_args(ManyAnswer):
        answers = ", ".join(get_args(ManyAnswer))
        raise UsageError("a rule has no such answer", f"one of {answers}")
    return read_rule(given.get("rule")), cast(ManyAnswer, answer)


def _side(request: Request) -> int:
    text = request.query_params.get("side", str(SIDES[1]))
    if text not in map(str, SIDES):
        raise UsageError(f"side is one of {', '.join(map(str, SIDES))}", "")
    return int(text)


def _number(request: Request, name: str, default: float | None = None) -> float:
    text = request.query_params.get(name)
    try:
        value = default if text is None else float(text)
    except ValueError:
        value = None
    if value is None or not -1e9 < value < 1e9:
        raise UsageError(f"{name} is a number", "")
    return value


def _share(request: Request, name: str) -> float:
    return min(1.0, max(0.0, _number(request, name)))
