"""Registration, login, profile, consents; the person at the screen."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from threading import BoundedSemaphore

from flask import Blueprint, abort, flash, g, redirect, render_template, request, session, url_for
from sqlalchemy import func, or_, select
from werkzeug.security import check_password_hash, generate_password_hash
from werkzeug.wrappers import Response

from crm_plugin.demo.activity import record
from crm_plugin.demo.change_events import now
from crm_plugin.demo.i18n import LOCALES, say
from crm_plugin.demo.models import Consent, User, db

pages = Blueprint("accounts", __name__)
View = Callable[..., "Response | str"]
CHANNELS = ("sms", "email", "message")
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
# Being seen moves a row; once in five minutes is fine enough for "last active" and spares the writes.
_SEEN_EVERY = 300
# A hash is dear on purpose: a flood of logins must leave something for everybody else.
_HASHING = BoundedSemaphore(2)


def load_user() -> None:
    """Set ``g.user`` to the signed-in active account or None."""
    number = session.get("user_id")
    user = db.session.get(User, number) if number else None
    g.user = user if user and user.status == "active" else None
    if g.user and now() - (g.user.last_active_at or 0) > _SEEN_EVERY:
        g.user.last_active_at = now()
        db.session.commit()


def signed_in(view: View) -> View:
    """Send a visitor without an account to the login page, and back afterwards."""

    @wraps(view)
    def guarded(**arguments: object) -> Response | str:
        if g.user is None:
            target = request.full_path if request.method == "GET" else request.referrer
            return redirect(url_for("accounts.login", next=target))
        return view(**arguments)

    return guarded


def for_roles(*roles: str) -> Callable[[View], View]:
    """Let only accounts with one of these roles in."""

    def mark(view: View) -> View:
        @wraps(view)
        def guarded(**arguments: object) -> Response | str:
            if not g.user.has_role(*roles):
                abort(403)
            return view(**arguments)

        return signed_in(guarded)

    return mark


def back(default: str = "/") -> Response:
    """Redirect to the page named by ``next``, never to another site."""
    target = request.values.get("next") or ""
    # Browsers drop tabs and line breaks and read a backslash as a slash: "/<tab>/host" would lead away.
    plain = target.isprintable() and "\\" not in target
    inside = plain and target.startswith("/") and not target.startswith("//")
    return redirect(target if inside else default)


def find_account(login: str, password: str) -> User | None:
    """Return the active account with this user name or address and password, else None."""
    name = login.strip().lower()
    named = or_(User.username == name, func.lower(User.email) == name)
    active = select(User.id, User.password_hash).where(named, User.status == "active").order_by(User.id)
    for number, kept in db.session.execute(active).all():
        if kept and _matches(kept, password):
            return db.session.get(User, number)
    return None


def _matches(kept: str, password: str) -> bool:
    db.session.rollback()  # a transaction would wait for the hash, and others for the transaction
    with _HASHING:
        return check_password_hash(kept, password)


def _hashed(password: str) -> str:
    db.session.rollback()
    with _HASHING:
        return generate_password_hash(password)


def _enter(user: User) -> None:
    session.clear()
    session["user_id"] = user.id
    user.last_login_at = user.last_active_at = now()
    record(user, "login")
    db.session.commit()


@pages.route("/login", methods=["GET", "POST"])
def login() -> Response | str:
    """Sign in by user name or e-mail."""
    if request.method == "POST":
        user = find_account(request.form["login"], request.form["password"])
        if user:
            _enter(user)
            return back(url_for("admin.home") if user.has_role("admin", "staff") else "/")
        flash(say("That name and password do not belong together."), "bad")
    return render_template("school/login.html")


@pages.post("/logout")
def logout() -> Response:
    """Sign out."""
    session.clear()
    return redirect("/")


@pages.route("/register", methods=["GET", "POST"])
def register() -> Response | str:
    """Open an account; consents are asked, never assumed."""
    if request.method == "POST":
        fault = _fault(request.form["username"], request.form["email"], request.form["password"])
        if not fault:
            password_hash = _hashed(request.form["password"])
            user = User(
                username=request.form["username"].strip().lower(),
                display_name=request.form["display_name"].strip()[:200] or request.form["username"],
                email=request.form["email"].strip(), phone=request.form.get("phone", "").strip()[:64] or None,
                password_hash=password_hash, registered_at=now(),
            )  # fmt: skip
            db.session.add(user)
            db.session.flush()
            _store_consents(user, "registration")
            _enter(user)
            return back("/courses")
        flash(say(fault), "bad")
    return render_template("school/register.html")


def _fault(username: str, email: str, password: str) -> str:
    """Return what is wrong with a registration in words, or the empty text."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{3,40}", username.strip()):
        return "A user name has 3 to 40 letters, digits, dots, dashes or underscores."
    if not _ADDRESS.fullmatch(email.strip()):
        return "Please give an e-mail address like name@example.com."
    if len(password) < 8:
        return "A password needs at least 8 characters."
    taken = or_(User.username == username.strip().lower(), func.lower(User.email) == email.strip().lower())
    if db.session.scalar(select(User.id).where(taken)):
        return "This user name or e-mail address already has an account."
    return ""


def _store_consents(user: User, source: str) -> None:
    """Keep what the form's boxes say; an empty box is a refusal only where there was a consent before."""
    known = {consent.channel: consent for consent in user.consents}
    for channel in CHANNELS:
        set_consent(user, known.get(channel), channel, channel in request.form.getlist("consent"), source)


def set_consent(user: User, old: Consent | None, channel: str, granted: bool, source: str) -> None:
    """Keep one answer of a person about marketing by a channel; an unchanged one keeps its time."""
    if old is None and granted:
        user.consents.append(Consent(user_id=user.id, channel=channel, granted=True, at=now(), source=source))
    elif old is not None and old.granted != granted:
        old.granted, old.at, old.source = granted, now(), source


@pages.route("/profile", methods=["GET", "POST"])
@signed_in
def profile() -> Response | str:
    """Show and change one's own details and consents."""
    if request.method == "POST":
        form, user = request.form, g.user
        if form["email"] and not _ADDRESS.fullmatch(form["email"].strip()):
            flash(say("Please give an e-mail address like name@example.com."), "bad")
            return redirect(url_for("accounts.profile"))
        user.display_name = form["display_name"].strip()[:200] or user.username
        user.email_verified = user.email_verified and user.email == form["email"].strip()
        user.phone_verified = user.phone_verified and user.phone == form["phone"].strip()
        user.email = form["email"].strip() or None
        user.phone = form["phone"].strip()[:64] or None
        user.city = form["city"].strip()[:100] or None
        _store_consents(user, "profile")
        db.session.commit()
        flash(say("Saved."), "good")
        return redirect(url_for("accounts.profile"))
    return render_template("school/profile.html")


@pages.post("/profile/password")
@signed_in
def password() -> Response:
    """Change one's password, knowing the old one."""
    if not _matches(g.user.password_hash, request.form["old"]):
        flash(say("The old password is not right."), "bad")
    elif len(request.form["new"]) < 8:
        flash(say("A password needs at least 8 characters."), "bad")
    else:
        password_hash = _hashed(request.form["new"])
        g.user.password_hash = password_hash
        db.session.commit()
        flash(say("Saved."), "good")
    return redirect(url_for("accounts.profile"))


@pages.post("/locale/<code>")
def locale(code: str) -> Response:
    """Choose the language, kept with the account."""
    if code not in LOCALES:
        abort(404)
    session["locale"] = code
    if g.user:
        g.user.locale = code
        db.session.commit()
    return back()
