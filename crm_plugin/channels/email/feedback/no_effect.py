"""What comes back and says nothing about an address: notices of a delay, absence notes, challenges."""

from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message as Mail

from crm_plugin.channels.email.smtp.reply_phrases import any_of

_DELAY = any_of(
    r"^warning: |warning message only|do not need to resend",
    r"(message|mail|delivery)( has been| is| was)? delayed|delayed mail|\(delay\)",
    r"delayed (for )?(more than )?\d",
    r"still being retried|delivery incomplete|not yet been delivered|could not be delivered (yet|so far)",
    r"will (be retried|retry|keep trying|continue (to try|trying|to attempt)|try again)",
    r"attempts will continue",
    r"wird weiter(hin)? versuch|verzögert|retardé|demorado|задерж|遅延|延迟|(将|会)继续(尝试|投递)",
)
_FINAL = any_of(
    r"permanent (error|failure)|failed permanently|giv(e|en|ing) up|no further attempts",
    r"will not (be retried|try)|delivery to the following recipients? failed",
)
"""Words of a server that has stopped trying, though it says before how long it tried."""
_ABSENT = any_of(
    r"out of (the )?office|auto(matic|mated)?[- ]?(repl|respon|answer)|\bauto:|away until|vacation",
    r"on (holiday|leave)\b|absen(ce|t)\b|r[ée]ponse automatique",
    r"abwesen|automatische (antwort|rückantwort)|nicht im (büro|haus)|automatisch antwoord|afwezig",
    r"respuesta autom|fuera de (la )?oficina|risposta automatica|fuori (sede|ufficio)",
    r"resposta autom|aus[êe]n",
    r"autosvar|automatisk svar|frånvar|poissa|automatyczna odpowied|nieobecn",
    r"автоответ|автоматический ответ|自动(回复|答复)|自動(回覆|回復|応答|返信)|不在|休假|出差|자동|부재",
)
_CHALLENGE = any_of(
    r"boxbe|not pre-approved|challenge[- ]response|(confirm|verify|prove) that you are",
    r"(click|reply|visit|follow)\b.{0,80}\b(so that|to)\b.{0,60}\b(message|mail)\b.{0,30}"
    r"(delivered|released|accepted)",
    r"(请|請).{0,20}(验证|確認|确认).{0,12}(身份|发件人|寄件)",
)


def heading(mail: Mail) -> str:
    """Return the subject, decoded; some servers write it in bare bytes, of UTF-8 or GB 18030."""
    subject = next((str(value) for name, value in mail.raw_items() if name.lower() == "subject"), "")
    raw = subject.encode("utf-8", "surrogateescape")
    try:
        subject = raw.decode("utf-8")
    except UnicodeDecodeError:
        subject = raw.decode("gb18030", "replace")
    try:
        return str(make_header(decode_header(subject)))
    except (HeaderParseError, ValueError, LookupError):
        return subject


def is_delay(subject: str, text: str) -> bool:
    """Return whether a server says only that it goes on trying."""
    if _DELAY.search(subject):
        return True
    return bool(_DELAY.search(" ".join(text.split()))) and not _FINAL.search(text)


def is_absence(mail: Mail, subject: str) -> bool:
    """Return whether a person's mail program answers by itself."""
    return bool(mail.get("X-Autoreply") or mail.get("X-Autorespond") or _ABSENT.search(subject))


def is_challenge(text: str) -> bool:
    """Return whether somebody's filter wants to know whose mail this is."""
    return bool(_CHALLENGE.search(text))
