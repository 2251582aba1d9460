"""Messages of the errors about campaigns and their contents."""

CODES: dict[str, str] = {
    "campaign.bad_state": "a campaign that is {state} cannot be {verb}",
    "campaign.unknown_key": "unknown key {key}",
    "campaign.missing_key": "{key} is missing",
    "campaign.bad_value": "{reason}",
    "campaign.unknown_zone": "there is no time zone {zone!r}; expected a name such as Europe/London",
    "campaign.no_such_time": "the clocks of {zone} never show {time}: they are put forward then",
    "campaign.unknown_topic": "there is no topic {topic!r}",
    "campaign.topic_archived": "the topic {topic!r} is archived: choose another one or none",
    "campaign.empty_audience": "nobody is in this audience",
    "campaign.single_excluded": "this person would not get it: {reason}",
    "campaign.nobody_reached": "everybody in this audience is left out: nobody would get the message",
    "campaign.data_unread": "the school's data are not fully read yet: {streams}",
    "campaign.data_old": "the school's data are {hours} hours old, more than {limit}: sending waits until "
    "somebody confirms it",
    "campaign.data_old_then": "the school's data are {hours} hours old, more than {limit}: unless they are "
    "read again before the "
    "start, sending waits until somebody confirms it",
    "campaign.quiet_now": "quiet hours: messages wait until {until}",
    "campaign.copied": "this looks like a copy of another installation: nothing is sent until somebody "
    "confirms it",
    "campaign.changed": "the campaign was changed in the meantime: reload the page",
    "campaign.planned_past": "the planned time has passed: choose another one",
    "campaign.expires_first": "the end time is before the start: nothing would be sent",
    "campaign.too_slow": "at this rate sending does not finish before its end time",
    "campaign.course_gone": "the school no longer has {course}",
    "campaign.course_closed": "{course} is not open to learners now",
    "campaign.course_over": "{course} has ended by then",
    "campaign.course_full": "{course} is full: {taken} of {capacity} seats are taken",
    "campaign.shared_addresses": "{count} left out: somebody else with the same address gets the message",
    "campaign.repeats": "this campaign repeats: start it again under Repeat, or send a copy of it",
    "campaign.not_confirmed": "type {count} to confirm the number of people",
    "campaign.too_many_tests": "at most {limit} tests within 24 hours: send a campaign instead",
    "campaign.test_later": "the carrier's limit is reached: try again in {seconds} seconds",
    "campaign.needs_person": "choose whether unknown messages were sent or are to be sent again",
    "content.missing_variable": "{name} has no value for {count} people and no default",
    "content.lacking_left_out": "{count} people have no value for {name}: they are left out",
    "content.word_twice": "{name} is given for everybody and for each person: choose one",
    "content.word_there": "the field {name} exists already: change it above",
    "content.no_such_word": "there is no field {name} that differs from person to person",
}
"""Code → English message."""
