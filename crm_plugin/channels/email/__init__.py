"""E-mail: sanitised HTML with a text part, MIME made once per campaign, SMTP."""
