"""Our copy of the school's facts, kept in step with it; consent, suppression, and facts per person."""
