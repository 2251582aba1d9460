"""What every capability stands on: settings, errors, database, queue, clock, audit, resources."""
