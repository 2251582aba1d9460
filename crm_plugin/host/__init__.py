"""The contract with the school's platform: hooks, records, and the gateway that every call takes."""
