"""What every list of people shares: its selection, the file of an export, tags on many.

The lists themselves, with what each shows of a person, are in the rooms above: ``people`` and ``boards``.
"""
