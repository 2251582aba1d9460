"""Why a certificate was refused, in words that say what to do."""

import ssl

_UNTRUSTED = {
    18: "self-signed certificate",
    19: "self-signed certificate in its chain",
    20: "certificate of an unknown CA, or of one whose own certificate it does not send",
    21: "certificate of an unknown CA, or of one whose own certificate it does not send",
}
"""OpenSSL's codes of certificates whose issuer is not trusted → words."""
_TRUST = "to trust your own CA, name its file in SSL_CERT_FILE, for every process of the CRM"
_OTHER_NAME = (62, 64)
"""OpenSSL's codes of certificates that are for another name or address."""
_PLAIN = ("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")
"""OpenSSL's reasons when the other side answered in plain text."""


def certificate_fault(error: ssl.SSLCertVerificationError, named: str) -> str:
    """Return what is wrong with a certificate.

    :param named: the name that it should be for, and which setting says so.
    """
    words = _UNTRUSTED.get(error.verify_code)
    if words is not None:
        return f"{words}; {_TRUST}"
    if error.verify_code in _OTHER_NAME:
        return f"the certificate is for another name than {named}"
    return error.verify_message


def is_plain(error: ssl.SSLError) -> bool:
    """Return whether the other side answered in plain text."""
    return (error.reason or "") in _PLAIN
