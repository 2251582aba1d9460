"""The file of an automation, from the dates that can start it to what is wrong with it.

``causes``: a row for each date. ``document``: what the file means for one cause. ``reading``: the check, with
the place of each mistake. ``file_schema``: the same for the document of the API.
"""
