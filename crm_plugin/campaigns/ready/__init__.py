"""Ready actions: a draft begun from a stage of a course, with audience, text, link and goal filled in.

``actions`` is the table of them, ``texts`` reads their e-mails and messages, ``start`` makes the draft.
Nothing here sends: a person looks at the draft and sends it in the composer.
"""
