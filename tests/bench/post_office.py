"""The rate of django-post_office on the same server and the same sink, in an environment of its own.

It is no dependency of the project: a temporary environment is made for the run.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa

PACKAGES = ("django-post_office==3.10.1", "django>=5.1,<5.3", "psycopg[binary]")


def seconds_a_message(url: sa.URL, port: int, messages: int) -> float:
    """Return how long it takes for one message, from its queue to the sink, with its defaults."""
    with tempfile.TemporaryDirectory(prefix="crm-bench-") as folder:
        python = _environment(Path(folder))
        script = Path(folder) / "run.py"
        script.write_text(_SCRIPT)
        values = {"MESSAGES": str(messages), "SINK": str(port), "DATABASE": url.database or ""}
        place = {"PG_HOST": _host(url), "PG_PORT": str(url.port or ""), "PG_USER": url.username or ""}
        run = subprocess.run(
            [python, script],
            env=os.environ | values | place | {"PG_PASSWORD": url.password or ""},
            check=True,
            capture_output=True,
            text=True,
        )
    return float(run.stdout.split()[-1]) / messages


def _host(url: sa.URL) -> str:
    return url.host or str(url.query.get("host") or "")


def _environment(folder: Path) -> Path:
    uv = Path(sys.executable).parent / "uv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *PACKAGES], check=True)
    return python


_SCRIPT = """
import os, time
import django
from django.conf import settings

settings.configure(
    SECRET_KEY="bench", USE_TZ=True, INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": os.environ["DATABASE"],
        "HOST": os.environ["PG_HOST"], "PORT": os.environ["PG_PORT"], "USER": os.environ["PG_USER"],
        "PASSWORD": os.environ["PG_PASSWORD"]}},
    EMAIL_BACKEND="post_office.EmailBackend", EMAIL_HOST="127.0.0.1", EMAIL_PORT=int(os.environ["SINK"]),
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
    POST_OFFICE={"BATCH_SIZE": 1000},
    CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
)
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from post_office import mail
from post_office.models import EmailTemplate, STATUS, Email
letter = "<p>Dear {{ name }}, the courses that you liked go on next week.</p>" * 4
Email.objects.all().delete()
EmailTemplate.objects.all().delete()
template = EmailTemplate.objects.create(name="bench", subject="{{ name }}, your seat is kept",
    content="Dear {{ name }}", html_content=letter + "<a href='{{ link }}'>Have a look</a>")
count = int(os.environ["MESSAGES"])
mail.send_many([{"sender": "no-reply@school.example", "recipients": [f"l{n}@mail.example.com"],
    "template": template, "context": {"name": f"Learner {n}", "link": f"https://school.example/r/{n}"},
    "render_on_delivery": True} for n in range(count)])
started = time.perf_counter()
while Email.objects.filter(status=STATUS.queued).exists():
    mail.send_queued(processes=1)
print(time.perf_counter() - started)
assert Email.objects.filter(status=STATUS.sent).count() == count
"""
